package term

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Pulled prints what a pull did, or would do.
func (c *Console) Pulled(p *app.Pulled, dry bool) {
	c.print(pulledText(p, dry, paint(c.color)))
}

func pulledText(p *app.Pulled, dry bool, with paint) string {
	t := &page{paint: with}
	added := slices.DeleteFunc(slices.Clone(p.Taken), func(e pull.Edit) bool { return !e.New })
	changed := slices.DeleteFunc(slices.Clone(p.Taken), func(e pull.Edit) bool { return e.New })
	t.edits("+", green, added)
	t.edits("~", yellow, changed)
	t.edits("-", red, p.Removed)
	if len(p.Conflicts) > 0 {
		t.line("Conflicts, left alone:")
		t.edits("!", red, p.Conflicts)
	}
	if len(p.Kept) > 0 {
		t.line("Left at run time:")
		t.edits("·", faint, p.Kept)
	}
	if t.Len() > 0 {
		t.line("")
	}
	t.line("%s", pulledOutcome(p, dry))
	return t.String()
}

func (t *page) edits(mark string, s style, edits []pull.Edit) {
	for _, e := range edits[:min(len(edits), shown)] {
		t.line("  %s %s%s", t.with(s, mark), Visible(e.Path), t.with(faint, about(e)))
	}
	t.more(mark, s, len(edits))
}

// about says who wrote an edit, when and why, or why it was left.
func about(e pull.Edit) string {
	s := "  " + e.Time.Local().Format(minute)
	if e.Author != "" {
		s += " by " + Visible(planview.Cut(e.Author, 40))
	}
	if e.Reason != "" {
		return s + ": " + Visible(e.Reason)
	}
	if e.Message != "" {
		s += ": " + Visible(planview.Cut(e.Message, 50))
	}
	return s
}

func pulledOutcome(p *app.Pulled, dry bool) string {
	write, remove := "written", "removed"
	if dry {
		write, remove = "to write", "to remove"
	}
	var parts []string
	if n := len(p.Taken); n > 0 {
		parts = append(parts, humanize.Count(n, "file")+" "+write)
	}
	if n := len(p.Removed); n > 0 {
		parts = append(parts, humanize.Count(n, "file")+" "+remove)
	}
	changes := strings.Join(parts, ", ")
	switch {
	case dry && changes != "":
		return "Pull: " + changes + ". Nothing was changed."
	case p.Commit != "" && changes != "":
		return fmt.Sprintf("Committed %s on branch %s: %s. Merge it, and deploy.",
			planview.Commit(p.Commit), Visible(p.Branch), changes)
	case p.Commit != "":
		return fmt.Sprintf("Committed %s on branch %s: which edits are in git. Merge it, and deploy.",
			planview.Commit(p.Commit), Visible(p.Branch))
	case changes != "":
		return fmt.Sprintf("Pulled into %s: %s. Look at them, commit, and deploy.", Visible(p.Folder), changes)
	case len(p.Conflicts) > 0:
		return "Nothing to pull but the conflicts."
	case !p.Noted && !dry:
		return fmt.Sprintf("Noted in %s which edits are in git. Commit it, and deploy.", Visible(p.Folder))
	case len(p.Kept) > 0:
		return "Nothing else to pull."
	case len(p.InGit) > 0:
		return "Nothing to pull: git has every edit made at run time."
	}
	return "Nothing was written at run time."
}
