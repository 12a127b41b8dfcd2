package term

import (
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// forget says at a terminal how to end that removed files stay reachable.
const forget = "deploy with --forget"

// Plan prints what a deploy would do, or is about to do.
func (c *Console) Plan(p *plan.Plan) {
	c.print(c.page(c.color).planText(c.view(p)))
}

func (c *Console) view(p *plan.Plan) *planview.View {
	return planview.Reader{Place: advice.Terminal, Forget: forget, Flags: c.flags, Build: c.build, Whole: c.all}.View(p)
}

func (p *page) planText(v *planview.View) string {
	p.line("%s %s", p.with(bold, Visible(v.Site)), Visible(v.Origin))
	p.line("")
	if v.NoChange != "" {
		p.line("%s", Visible(v.NoChange))
		return p.String()
	}
	width := p.column(v.Files)
	for _, g := range v.Files {
		p.files(g, width)
	}
	for _, l := range v.Others {
		if l.Mark == planview.None {
			p.line("  %s", Visible(l.Text))
		} else {
			p.item(l.Mark, Visible(l.Text))
		}
	}
	p.line("")
	p.notes(v.Notices)
	p.line("%s %s", p.with(bold, "Plan:"), v.Summary())
	p.notes(v.Notes)
	return p.String()
}

// styles are the colours of the marks.
var styles = map[planview.Mark]style{planview.Add: green, planview.Modify: yellow, planview.Remove: red}

// widest is the maximum width of the column of paths. The size of a longer path follows the
// path, so that the other sizes stay close to their paths.
const widest = 60

// column returns the width of the column of paths for these groups.
func (p *page) column(groups []planview.Group) int {
	width := 0
	for _, g := range groups {
		for _, f := range g.Files[:p.first(len(g.Files))] {
			if n := utf8.RuneCountInString(Visible(f.Path)); n <= widest {
				width = max(width, n)
			}
		}
	}
	return width
}

// files lists the first files of a group, with their sizes in a column.
func (p *page) files(g planview.Group, width int) {
	for _, f := range g.Files[:p.first(len(g.Files))] {
		if f.Size == "" {
			p.item(g.Mark, Visible(f.Path))
			continue
		}
		p.line("  %s %-*s  %s", p.mark(g.Mark), width, Visible(f.Path), p.with(faint, f.Sizes()))
	}
	p.more(string(g.Mark), styles[g.Mark], len(g.Files))
}

func (p *page) item(m planview.Mark, text string) {
	p.line("  %s %s", p.mark(m), text)
}

// problems prints notices of the engine on lines of their own.
func (p *page) problems(list []manifest.Problem) {
	for _, n := range advice.CompleteAll(advice.Terminal.Problems(list), p.flags) {
		p.notes([]string{n.String()})
	}
}

// notes prints notes on lines of their own.
func (p *page) notes(notes []string) {
	for _, n := range notes {
		p.line("%s %s", p.with(yellow, "Note:"), Visible(n))
	}
}
