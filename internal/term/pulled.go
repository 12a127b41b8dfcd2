package term

import (
	"fmt"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/pull"
)

// Pulled says what a pull did, or would do.
func (c *Console) Pulled(p *app.Pulled, dry bool) {
	t := &page{paint: paint(c.color)}
	for _, group := range []struct {
		mark   string
		colour style
		edits  []pull.Edit
	}{
		{"+", green, p.Taken}, {"-", red, p.Removed}, {"!", yellow, p.Conflicts}, {"·", faint, p.Kept},
	} {
		for _, e := range group.edits[:min(len(group.edits), shown)] {
			t.line("  %s %s%s", t.with(group.colour, group.mark), Visible(e.Path), t.with(faint, about(e)))
		}
		if more := len(group.edits) - shown; more > 0 {
			t.line("  %s and %s more", t.with(group.colour, group.mark), Number(more))
		}
	}
	t.line("%s", pulledText(p, dry))
	c.print(t.String())
}

// about is who wrote an edit, when and why, or why it was left.
func about(e pull.Edit) string {
	s := "  " + e.Time.Local().Format("2006-01-02 15:04")
	if e.Author != "" {
		s += " by " + Visible(cut(e.Author, 40))
	}
	if e.Reason != "" {
		return s + ": " + Visible(e.Reason)
	}
	if e.Message != "" {
		s += ": " + Visible(cut(e.Message, 50))
	}
	return s
}

func pulledText(p *app.Pulled, dry bool) string {
	changes := fmt.Sprintf("%s written, %s removed", Count(len(p.Taken), "file"), Number(len(p.Removed)))
	switch {
	case len(p.Taken)+len(p.Removed) == 0 && len(p.Conflicts)+len(p.Kept)+len(p.InGit) == 0:
		return "Nothing was written at run time."
	case len(p.Taken)+len(p.Removed) == 0 && p.Commit == "" && len(p.Conflicts) > 0:
		return "Nothing to pull but the conflicts."
	case len(p.Taken)+len(p.Removed) == 0 && p.Commit == "":
		return "Nothing to pull: git has every edit made at run time."
	case dry:
		return "Would pull: " + changes + "."
	case p.Commit != "":
		return fmt.Sprintf("Committed %s on branch %s: %s. Merge it, and deploy.", short(p.Commit), Visible(p.Branch), changes)
	}
	return fmt.Sprintf("Pulled into %s: %s. Look at them, commit, and deploy.", Visible(p.Folder), changes)
}
