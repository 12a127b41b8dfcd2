package term

import (
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// shownSaved is how many paths the line about a save names.
const shownSaved = 3

// Saved says in one line what a save changed, and how long that took.
func (c *Console) Saved(p *plan.Plan, at time.Time, took time.Duration) {
	color := paint(c.color)
	parts := []string{color.with(faint, at.Format("15:04:05"))}
	parts = append(parts, saved(c.view(p), color)...)
	parts = append(parts, color.with(faint, "in "+humanize.Milliseconds(took)))
	c.print(strings.Join(parts, "  ") + "\n")
}

// saved lists the first changed files, and then the other changes.
func saved(v *planview.View, color paint) []string {
	var out []string
	all := 0
	for _, g := range v.Files {
		for _, f := range g.Files {
			if all++; all <= shownSaved {
				out = append(out, color.mark(g.Mark)+" "+Visible(f.Path))
			}
		}
	}
	if all > shownSaved {
		out = append(out, "and "+humanize.Number(all-shownSaved)+" more")
	}
	for _, l := range v.Others {
		if l.Mark != planview.None {
			out = append(out, color.mark(l.Mark)+" "+Visible(l.Text))
		}
	}
	if len(out) == 0 {
		out = append(out, color.mark(planview.Modify)+" _redirects, _headers or how the site is served")
	}
	return out
}

// Address prints the site's address.
func (c *Console) Address(url string) {
	c.print(paint(c.color).with(bold, Visible(url)) + "\n")
}
