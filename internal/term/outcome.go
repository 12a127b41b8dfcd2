package term

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Result prints what is live after a deploy. rollback is the command that undoes the deploy,
// or "".
func (c *Console) Result(res *kvsync.Result, st app.Stats, rollback string) {
	t := c.page(c.color)
	if res.Switched {
		t.line("")
		t.line("%s %s, in %s (%s)", t.with(green, "Live:"), deploymentText(res.Deployment, res.Commit),
			humanize.Seconds(st.Duration), statsText(st))
	}
	t.address(res)
	if res.Pruned > 0 {
		t.line("Pruned %s that nothing needed any more.", humanize.Count(res.Pruned, "key"))
	}
	t.problems(res.Notices)
	if rollback != "" && res.Undoable() {
		t.line("%s", t.with(faint, "To go back: "+rollback))
	}
	c.print(t.String())
}

// Ahead prints what an upload ahead did. deploy is the command that switches.
func (c *Console) Ahead(a *kvsync.Ahead, st app.Stats, deploy string) {
	t := c.page(c.color)
	switch {
	case a.Plan.NoChange: // the plan was printed
	case !a.Receipt && a.Uploaded == 0:
		t.line("Nothing was sent: these files are so small that the deploy sends them with its own requests.")
	case a.Receipt:
		t.line("")
		commit := Visible(planview.Commit(a.Plan.Origin.Commit))
		if a.Uploaded == 0 {
			t.line("%s commit %s. Nobody sees it yet.", t.with(green, "Uploaded ahead already:"), commit)
		} else {
			t.line("%s %s for commit %s, in %s (%s). Nobody sees them yet.", t.with(green, "Uploaded ahead:"),
				humanize.Count(a.Uploaded, "blob"), commit, humanize.Seconds(st.Duration), statsText(st))
		}
		t.line("%s", t.with(faint, "To switch, within half of the grace period: "+deploy))
	}
	c.print(t.String())
}

// Rollback prints where a rollback went, or would go.
func (c *Console) Rollback(res *kvsync.Result, st app.Stats, dry bool) {
	t := c.page(c.color)
	switch target := deploymentText(res.Deployment, res.Commit); {
	case res.Version == res.PreviousVersion:
		t.line("No change: %s is live already.", target)
	case dry:
		from := "a version of another tool"
		if res.PreviousDeployment != "" {
			from = "deployment " + Visible(res.PreviousDeployment)
		}
		t.line("Would go back from %s to %s.", from, target)
	default:
		t.line("%s %s again, in %s (%s)", t.with(green, "Live:"), target, humanize.Seconds(st.Duration), statsText(st))
		t.address(res)
		if res.Hold != "" {
			t.line("%s", heldText(res.Hold))
		}
	}
	t.problems(res.Notices)
	c.print(t.String())
}

// address prints the address of the site, if it has one.
func (t *page) address(res *kvsync.Result) {
	switch {
	case res.Unchecked:
		t.line("      %s %s", t.with(bold, Visible(res.URL)), t.with(faint, "(last known address)"))
	case res.URL != "":
		t.line("      %s", t.with(bold, Visible(res.URL)))
	}
}

func deploymentText(id, commit string) string {
	switch { // the pathname layout keeps no deployments
	case id == "" && commit == "":
		return "these files"
	case id == "":
		return "commit " + Visible(planview.Commit(commit))
	}
	if commit == "" {
		return "deployment " + Visible(id)
	}
	return fmt.Sprintf("commit %s as deployment %s", Visible(planview.Commit(commit)), Visible(id))
}

func statsText(st app.Stats) string {
	s := fmt.Sprintf("%s, %s sent", humanize.Count(int(st.Requests), "request"), humanize.Bytes(st.BytesUploaded))
	if st.Retries > 0 {
		s += ", " + humanize.Count(int(st.Retries), "retry")
	}
	return s
}

// Pruned prints what a prune did, or would do.
func (c *Console) Pruned(p *layout.Pruned, dry bool) {
	t := c.page(c.color)
	verb := "Deleted"
	if dry {
		verb = "Would delete"
		t.names("-", red, p.Keys)
	}
	what := verb + " " + humanize.Count(p.Deleted, "key")
	if p.Deleted == 0 {
		what = "Nothing to delete"
	}
	young := ""
	if p.Young > 0 {
		young = fmt.Sprintf(" and %s too young to judge", humanize.Number(p.Young))
	}
	t.line("%s; kept %s in use%s.", what, humanize.Number(p.Kept), young)
	if p.Left > 0 {
		t.line("%s more are left for the next prune.", humanize.Number(p.Left))
	}
	c.print(t.String())
}

// History prints deployments, newest first. rollback is the command for a rollback, without
// --to.
func (c *Console) History(list []version.Deployment, rollback string) {
	t := c.page(c.color)
	live := make(map[string]bool) // by id, because a deployment can be in the list twice
	for _, d := range list {
		live[d.ID] = live[d.ID] || d.Live
	}
	back := false // some deployment can be rolled back to
	for _, d := range list {
		mark := " "
		switch {
		case d.Live:
			mark = t.with(green, "●")
		case d.Retained && !live[d.ID] && !d.Missing:
			mark = t.with(faint, "○")
			back = true
		}
		id := d.ID
		if id == "" {
			id = "(of another tool)       "
		}
		from := cmp.Or(planview.Commit(d.Commit), d.Source)
		if subject, _ := d.Described(); subject != "" {
			from += " " + planview.Cut(subject, 50)
		}
		row := fmt.Sprintf("%s %s  %s  %s%s", mark, Visible(id), d.Time.Local().Format(minute), Visible(from),
			t.with(faint, remarks(d)))
		t.line("%s", strings.TrimRight(row, " "))
	}
	switch {
	case len(list) == 0:
		t.line("Nothing was deployed yet.")
	case back:
		t.line("%s", t.with(faint, "● live   ○ can be rolled back to: "+rollback+" --to DEPLOYMENT"))
	default:
		t.line("%s", t.with(faint, "● live"))
	}
	c.print(t.String())
}

func remarks(d version.Deployment) string {
	var r []string
	if d.Percent != 100 {
		r = append(r, fmt.Sprintf("%g %% of visitors", d.Percent))
	}
	if d.Rollback {
		r = append(r, "rollback")
	}
	if d.Missing {
		r = append(r, "its version is missing")
	}
	if d.Hold != "" {
		r = append(r, "holds back "+heldName(d.Hold))
	}
	actor := d.RolledBackBy
	if d.Record != nil && !d.Rollback { // of a rollback, the record has who made the deployment
		actor = d.Record.Actor
	}
	if d.OtherTool {
		actor = "another tool"
	}
	if actor != "" {
		r = append(r, "by "+planview.Cut(Visible(actor), 30))
	}
	if len(r) == 0 {
		return ""
	}
	return "  [" + strings.Join(r, ", ") + "]"
}

// Verified prints what a verification found.
func (c *Console) Verified(v *kvsync.Verification, took time.Duration) {
	t := c.page(c.color)
	for _, d := range v.Deployments {
		kind := ""
		switch {
		case d.Live:
			kind = " (live)"
		case !d.Retained:
			kind = " (not retained)"
		}
		what := fmt.Sprintf("%s%s  %s", Visible(d.Deployment), kind, humanize.Count(d.Files, "file"))
		t.verified(what, d.Problem, d.Missing, d.Corrupt)
	}
	if o := v.Overlay; o != nil {
		t.verified("Edits made at run time  "+humanize.Count(o.Edits, "path"), o.Problem, o.Missing, o.Corrupt)
	}
	unrooted := ""
	if v.Unrooted > 0 {
		unrooted = fmt.Sprintf(", %s of them named by no retained deployment", humanize.Number(v.Unrooted))
	}
	t.line("Checked %s in %s%s.", humanize.Count(v.Keys, "key"), humanize.Seconds(took), unrooted)
	c.print(t.String())
}

// verified prints whether something is complete, and the first paths that are not.
func (p *page) verified(what, problem string, missing, corrupt []string) {
	bad := len(missing) + len(corrupt)
	state := p.with(green, "whole")
	switch {
	case problem != "":
		state = p.with(red, Visible(problem))
	case bad > 0:
		state = p.with(red, humanize.Number(len(missing))+" missing, "+humanize.Number(len(corrupt))+" corrupt")
	}
	p.line("%s  %s", what, state)
	p.names("!", red, slices.Concat(missing, corrupt))
}

// Failure prints what went wrong and what to do next.
func (c *Console) Failure(f *app.Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopBar()
	t := c.page(c.errColor)
	t.line("%s %s", t.with(red, "kv-sync:"), Lines(f.Message))
	for _, p := range f.Problems {
		t.line("  %s %s", t.with(red, "!"), Visible(p.String()))
	}
	removed := planview.Removed(f.Removed)
	t.files(removed, t.column([]planview.Group{removed}))
	if f.Fix != "" {
		t.line("  %s %s", t.with(bold, "→"), Lines(f.Fix))
	}
	fmt.Fprint(c.err, t.String())
}

// heldText says what a rollback holds back: a commit, or a deployment if it has the same commit
// as the one that is live now.
func heldText(hold string) string {
	if strings.Contains(hold, "-") {
		return fmt.Sprintf("Deployment %s is held back: the same build is refused until --release is given.", Visible(hold))
	}
	return fmt.Sprintf("Commit %s is held back until a newer one changes what it deploys, or --release is given.",
		Visible(planview.Commit(hold)))
}

// heldName returns the id of a deployment, or the shortened id of a commit.
func heldName(hold string) string {
	if strings.Contains(hold, "-") {
		return Visible(hold)
	}
	return planview.Commit(hold)
}
