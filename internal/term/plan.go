package term

import (
	"fmt"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

const (
	// shown is how many paths of each kind a plan names.
	shown = 20
	// freeWrites is what the free plan has a day.
	// Source: https://developers.cloudflare.com/kv/platform/limits/
	freeWrites = 1000
)

// Plan prints what a deploy would do, or is about to.
func (c *Console) Plan(p *kvsync.Plan) {
	c.print(planText(p, paint(c.color)))
}

func planText(p *kvsync.Plan, color paint) string {
	t := &page{paint: color}
	t.line("%s %s", t.with(bold, Visible(p.Site)), originText(p.Origin))
	if p.NoChange {
		t.line("")
		if p.Traits().InPlace { // which keeps no deployments
			t.line("No change: these are the files that are live.")
		} else {
			t.line("No change: this is what deployment %s serves.", Visible(p.Live))
		}
		return t.String()
	}
	t.line("")
	width := column(p.Added, p.Changed, p.Removed)
	known := !p.Traits().InPlace // the sizes of what is live
	t.changes("+", green, width, p.Added, known)
	t.changes("~", yellow, width, p.Changed, known)
	t.changes("-", red, width, p.Removed, known)
	switch {
	case p.WorkerChanged && p.First:
		t.line("  %s the Worker's code, bindings and settings", t.with(green, "+"))
	case p.WorkerChanged:
		t.line("  %s the Worker's code, bindings or settings", t.with(yellow, "~"))
	}
	switch {
	case p.Companion != "" && p.First:
		t.line("  %s the script %s, which keeps what is written at run time", t.with(green, "+"), Visible(p.Companion))
	case p.Companion != "":
		t.line("  %s the script %s, which keeps what is written at run time", t.with(yellow, "~"), Visible(p.Companion))
	}
	switch n := len(p.Added) + len(p.Changed) + len(p.Removed); {
	case n > 0, p.WorkerChanged:
	case p.Traits().Compiled:
		t.line("  no file differs; whether the code does, its build will tell")
	default:
		t.line("  no file differs; what it was made from does")
	}
	t.line("")
	for _, n := range p.Notices {
		t.line("%s %s", t.with(yellow, "Note:"), Visible(n.String()))
	}
	most := ""
	if p.AtMost {
		most = "at most "
	}
	t.line("%s %s to add, %s to change, %s to remove, %s unchanged; %s%s (%s), %s.", t.with(bold, "Plan:"),
		humanize.Number(len(p.Added)), humanize.Number(len(p.Changed)), humanize.Number(len(p.Removed)), humanize.Number(p.Unchanged),
		most, humanize.Count(p.Blobs, "blob"), humanize.Bytes(p.Bytes), humanize.Count(p.Writes, "KV write"))
	for _, text := range []string{app.RetiredText(p, "deploy with --forget"), app.GuardedText(p)} {
		if text != "" {
			t.line("%s %s", t.with(yellow, "Note:"), Visible(text))
		}
	}
	if p.Ahead > 0 {
		t.line("Uploaded ahead of this, and there: %s.", humanize.Count(p.Ahead, "file"))
	}
	if p.Writes > freeWrites {
		t.line("%s the free plan has %s KV writes a day, for the whole account.", t.with(yellow, "Note:"), humanize.Number(freeWrites))
	}
	return t.String()
}

func originText(o kvsync.Origin) string {
	here := o.Dir == "" || o.Dir == "."
	none := o.ID == kvsync.NoFiles
	switch {
	case o.Kind == "folder" && none:
		return "without files"
	case o.Kind == "folder" && here:
		return "from this folder"
	case o.Kind == "folder":
		return "from folder " + Visible(o.Dir)
	}
	dir := o.Dir
	if here {
		dir = "the repository's root"
	}
	s := fmt.Sprintf("from %s at commit %s", Visible(dir), short(o.Commit))
	if none {
		s = "without files, at commit " + short(o.Commit)
	}
	if o.Branch != "" {
		s += " (" + Visible(o.Branch) + ")"
	}
	if o.Subject != "" {
		s += ": " + Visible(cut(o.Subject, 72))
	}
	return s
}

// widest is how wide a column of paths becomes. A longer path stands out of it,
// so that the others keep their sizes near.
const widest = 60

// column is how wide the paths are that are shown of these lists.
func column(lists ...[]kvsync.Change) int {
	width := 0
	for _, list := range lists {
		for _, ch := range list[:min(len(list), shown)] {
			if n := utf8.RuneCountInString(Visible(ch.Path)); n <= widest {
				width = max(width, n)
			}
		}
	}
	return width
}

// changes lists the first paths of one kind, their sizes in a column. known says
// whether those of what is live are.
func (t *page) changes(mark string, s style, width int, list []kvsync.Change, known bool) {
	for _, ch := range list[:min(len(list), shown)] {
		size := humanize.Bytes(ch.Size)
		switch {
		case mark == "~" && known && humanize.Bytes(ch.Before) != size:
			size = humanize.Bytes(ch.Before) + " → " + size
		case mark == "-" && !known:
			t.line("  %s %s", t.with(s, mark), Visible(ch.Path))
			continue
		}
		t.line("  %s %-*s  %s", t.with(s, mark), width, Visible(ch.Path), t.with(faint, size))
	}
	t.more(mark, s, len(list))
}

// cut shortens a text to at most n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
