package term

import (
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/pullview"
)

// Pulled prints what a pull did, or would do.
func (c *Console) Pulled(p *app.Pulled, dry bool) {
	c.print(c.page(c.color).pulledText(pullview.Of(p, dry)))
}

func (t *page) pulledText(v *pullview.View) string {
	for _, g := range v.Pulled {
		t.edits(g, styles[g.Mark])
	}
	if len(v.Conflicts.Edits) > 0 {
		t.line("Conflicts, left alone:")
		t.edits(v.Conflicts, red)
	}
	if len(v.Kept.Edits) > 0 {
		t.line("Left at run time:")
		t.edits(v.Kept, faint)
	}
	if t.Len() > 0 {
		t.line("")
	}
	t.line("%s", Visible(v.Outcome))
	return t.String()
}

// edits lists the first edits of a group.
func (t *page) edits(g pullview.Group, s style) {
	mark := string(g.Mark)
	for _, e := range g.Edits[:t.first(len(g.Edits))] {
		e.Time = e.Time.Local()
		t.line("  %s %s%s", t.with(s, mark), Visible(e.Path), t.with(faint, "  "+Visible(pullview.About(e, minute))))
	}
	t.more(mark, s, len(g.Edits))
}
