package term

import (
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/pullview"
)

// Pulled prints what a pull did, or would do.
func (c *Console) Pulled(p *app.Pulled, dry bool) {
	c.print(c.page(c.color).pulledText(pullview.Of(p, dry)))
}

func (p *page) pulledText(v *pullview.View) string {
	for _, g := range v.Pulled {
		p.edits(g, styles[g.Mark])
	}
	if len(v.Conflicts.Edits) > 0 {
		p.line("Conflicts, left alone:")
		p.edits(v.Conflicts, red)
	}
	if len(v.Kept.Edits) > 0 {
		p.line("Left at run time:")
		p.edits(v.Kept, faint)
	}
	if p.Len() > 0 {
		p.line("")
	}
	p.line("%s", Visible(v.Outcome))
	return p.String()
}

// edits lists the first edits of a group.
func (p *page) edits(g pullview.Group, s style) {
	mark := string(g.Mark)
	for _, e := range g.Edits[:p.first(len(g.Edits))] {
		e.Time = e.Time.Local()
		p.line("  %s %s%s", p.with(s, mark), Visible(e.Path), p.with(faint, "  "+Visible(pullview.About(e, minute))))
	}
	p.more(mark, s, len(g.Edits))
}
