// Package planview writes the text of a plan for people. [Reader.View] turns a plan into a
// [View]: sections of unformatted text, in the order in which every output shows
// them. The terminal, the Action's log, the job summary, the pre-push hook and the
// daemon's page only format the View.
//
//	view := planview.Reader{Place: advice.Terminal, Forget: "deploy with --forget"}.View(plan)
//	for _, group := range view.Files {
//		for _, file := range group.Files {
//			fmt.Println(group.Mark, escape(file.Path), file.Size)
//		}
//	}
//	fmt.Println("Plan:", view.Summary())
//
// Names of files and subjects of commits are not trusted, and a View does not escape
// them. The code that formats it escapes every text for its output.
package planview

import (
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Mark says whether a file or another thing is added, changed or removed.
type Mark string

// The marks, as the outputs show them.
const (
	Add    Mark = "+"
	Modify Mark = "~"
	Remove Mark = "-"
	// None is for a line without a mark.
	None Mark = ""
)

// Word returns the mark as a word.
func (m Mark) Word() string {
	return map[Mark]string{Add: "added", Modify: "changed", Remove: "removed"}[m]
}

// View is the text of a plan.
type View struct {
	Site string
	// Origin names the commit or the folder that the site is made from.
	Origin string
	// NoChange is the only text of a plan that changes nothing; the fields below are
	// then empty. It is "" for other plans.
	NoChange string
	// Files are the added, changed and removed files, in this order, without empty groups.
	Files []Group
	// Others are the other things that the deploy replaces, such as the code. If neither
	// files nor other things differ, it has one line without a mark that says what differs.
	Others []Line
	// Notices are the notices of the plan.
	Notices []string
	// Notes follow the summary: which files stay reachable, and limits of the account.
	Notes []string
	// Retires reports whether this plan removes files of which some stay reachable. Then the
	// first note names the reachable files.
	Retires bool

	plan *plan.Plan
}

// Group are the files that share a mark, sorted by path.
type Group struct {
	Mark  Mark
	Files []File
}

// File is a file of a group.
type File struct {
	Path string
	// Size is the new size, or the size of a removed file. Before is the live size of a
	// changed file. An unknown size is "".
	Size, Before string
}

// Sizes returns the size. For a changed file it returns both sizes, "before → after", if their
// texts differ.
func (f File) Sizes() string {
	if f.Before == "" || f.Before == f.Size {
		return f.Size
	}
	return f.Before + " → " + f.Size
}

// Line is one thing other than a file.
type Line struct {
	Mark Mark
	Text string
}

// freeWrites is the number of KV writes a day in the free plan.
// Source: https://developers.cloudflare.com/kv/platform/limits/
const freeWrites = 1000

// Reader says for whom a view is.
type Reader struct {
	Place advice.Place
	// Flags select the site in the commands of advice, each after a space.
	Flags string
	// Forget says how to make removed files unreachable at once, in words for the output: it names
	// a flag, an input or a command.
	Forget string
	// Build is the command that builds the published folder, "" if none is known or kv-sync runs it.
	Build string
	// Whole reports whether notes name all files, and not only the first ones.
	Whole bool
}

func (r Reader) list(paths []string) string {
	if r.Whole {
		return strings.Join(paths, ", ")
	}
	return humanize.List(paths)
}

// View returns the view of a plan.
func (r Reader) View(p *plan.Plan) *View {
	v := &View{Site: p.Site, Origin: origin(p.Origin), plan: p}
	if p.NoChange {
		v.NoChange = noChange(p) + r.rebuild(p)
		return v
	}
	v.Files = groups(p)
	v.Others = others(p, len(v.Files) > 0)
	for _, n := range advice.CompleteAll(r.Place.Problems(p.Notices), r.Flags) {
		v.Notices = append(v.Notices, n.String())
	}
	v.Notes = r.notes(p)
	v.Retires = len(p.Retired) > 0 && len(p.Removed) > 0
	return v
}

// inPlace reports whether the layout writes files in place. Such a layout has no deployments,
// and does not know live sizes.
func inPlace(p *plan.Plan) bool { return traits(p).InPlace }

// traits describes the layout that the plan is for.
func traits(p *plan.Plan) layout.Layout {
	l, _ := kvsync.LayoutNamed(p.Layout) // the engine checked the name
	return l
}

func noChange(p *plan.Plan) string {
	if inPlace(p) {
		return "No change: these are the files that are live."
	}
	return "No change: this is what deployment " + p.Live + " serves."
}

// rebuild follows [noChange] if something outside the folder differs from what is live: the commit,
// or a file that is not committed. Then a build may have been forgotten. The times of files do not
// tell, because a checkout, a cache and many build tools set them.
func (r Reader) rebuild(p *plan.Plan) string {
	if r.Build == "" || p.Origin.Kind != "folder" || !p.Reactivate && !p.Origin.Dirty {
		return ""
	}
	return " kv-sync runs no build: if the site should have changed, run " + r.Build + " first."
}

func groups(p *plan.Plan) []Group {
	known := !inPlace(p)
	var out []Group
	for _, g := range []Group{
		group(Add, p.Added, true), group(Modify, p.Changed, known), group(Remove, p.Removed, known),
	} {
		if len(g.Files) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// group lists changes. known reports whether the live sizes are known.
func group(mark Mark, changes []plan.Change, known bool) Group {
	g := Group{Mark: mark, Files: make([]File, 0, len(changes))}
	for _, c := range changes {
		f := File{Path: humanize.Path(c.Path), Size: humanize.Bytes(c.Size)}
		switch {
		case mark == Modify && known:
			f.Before = humanize.Bytes(c.Before)
		case mark == Remove && !known:
			f.Size = ""
		}
		g.Files = append(g.Files, f)
	}
	return g
}

// Removed returns the group of files that would be removed, for a guard that prevents it. Sizes
// are left out if none is known.
func Removed(changes []plan.Change) Group {
	known := false
	for _, c := range changes {
		known = known || c.Size > 0
	}
	return group(Remove, changes, known)
}

// others lists the changes other than those of files. files reports whether files changed.
func others(p *plan.Plan, files bool) []Line {
	mark, code := Modify, "the Worker's code, bindings or settings"
	if p.First {
		mark, code = Add, "the Worker's code, bindings and settings"
	}
	var out []Line
	if p.WorkerChanged {
		out = append(out, Line{mark, code})
	}
	for _, r := range p.Resources {
		switch {
		case r.Title != "" && r.ID == "":
			out = append(out, Line{Add, "the KV namespace " + r.Title + ", new and empty, as the binding " + r.Binding})
		case r.Title != "":
			out = append(out, Line{Add, "the binding " + r.Binding + ", with the KV namespace " + r.Title})
		}
	}
	if p.Companion != "" {
		out = append(out, Line{mark, "the script " + p.Companion + ", which keeps what is written at run time"})
	}
	switch {
	case files || p.WorkerChanged:
	case traits(p).Compiled:
		out = append(out, Line{None, "no file differs; its build decides whether the code does"})
	default:
		out = append(out, Line{None, "no file differs; what it was made from does"})
	}
	return out
}

func (r Reader) notes(p *plan.Plan) []string {
	var out []string
	for _, text := range []string{r.retiredText(p), r.guardedText(p), r.keptText(p)} {
		if text != "" {
			out = append(out, text)
		}
	}
	out = append(out, r.selection(p)...)
	if p.Writes > freeWrites {
		out = append(out, "the free plan has "+humanize.Number(freeWrites)+" KV writes a day, for the whole account.")
	}
	return out
}

// Summary counts the changes of a plan that is not yet carried out.
func (v *View) Summary() string {
	return v.summary([3]string{"to add", "to change", "to remove"})
}

// Done counts the changes of a plan that was carried out.
func (v *View) Done() string {
	return v.summary([3]string{Add.Word(), Modify.Word(), Remove.Word()})
}

func (v *View) summary(words [3]string) string {
	p := v.plan
	most := ""
	if p.AtMost {
		most = "at most "
	}
	var b strings.Builder
	for i, n := range []int{len(p.Added), len(p.Changed), len(p.Removed)} {
		b.WriteString(humanize.Number(n) + " " + words[i] + ", ")
	}
	b.WriteString(humanize.Number(p.Unchanged) + " unchanged; " + most + humanize.Count(p.Blobs, "blob") +
		" (" + humanize.Bytes(p.Bytes) + "), " + humanize.Count(p.Writes, "KV write"))
	if p.Ahead > 0 {
		b.WriteString("; " + humanize.Count(p.Ahead, "file") + " uploaded ahead")
	}
	return b.String() + "."
}

// Changes names what a deploy changes: "files", "code", "files, code", "rules", "new" or
// "nothing". A nil plan changes nothing.
func Changes(p *plan.Plan) string {
	switch files := p != nil && len(p.Added)+len(p.Changed)+len(p.Removed) > 0; {
	case p == nil || p.NoChange:
		return "nothing"
	case p.First:
		return "new"
	case files && p.WorkerChanged:
		return "files, code"
	case files:
		return "files"
	case p.WorkerChanged:
		return "code"
	}
	return "rules" // _redirects, _headers or how they are applied
}

// Counts returns how many files a deployment changed, by kind: "3 added", "1 removed". It
// returns "no file" if there are none.
func Counts(added, changed, removed int) []string {
	var out []string
	for _, c := range []struct {
		n    int
		mark Mark
	}{{added, Add}, {changed, Modify}, {removed, Remove}} {
		if c.n > 0 {
			out = append(out, humanize.Number(c.n)+" "+c.mark.Word())
		}
	}
	if len(out) == 0 {
		out = append(out, "no file")
	}
	return out
}

// maxSubject is how many characters of a commit's subject are shown.
const maxSubject = 72

func origin(o manifest.Origin) string {
	atRoot := o.Dir == "" || o.Dir == "."
	none := o.ID == manifest.NoFiles
	switch {
	case o.Kind == "folder" && none:
		return "without files"
	case o.Kind == "folder" && atRoot:
		return "from this folder"
	case o.Kind == "folder":
		return "from folder " + o.Dir
	}
	dir := o.Dir
	if atRoot {
		dir = "the repository's root"
	}
	s := "from " + dir + " at commit " + Commit(o.Commit)
	if none {
		s = "without files, at commit " + Commit(o.Commit)
	}
	if o.Branch != "" {
		s += " (" + o.Branch + ")"
	}
	if o.Subject != "" {
		s += ": " + Cut(o.Subject, maxSubject)
	}
	return s
}

// Commit returns the first 12 characters of a commit's id.
func Commit(id string) string { return id[:min(len(id), 12)] }

// Cut shortens a text to at most n characters.
func Cut(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
