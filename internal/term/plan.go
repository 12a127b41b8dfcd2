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
	return planview.Reader{Place: advice.Terminal, Forget: forget, Whole: c.all}.View(p)
}

func (t *page) planText(v *planview.View) string {
	t.line("%s %s", t.with(bold, Visible(v.Site)), Visible(v.Origin))
	t.line("")
	if v.NoChange != "" {
		t.line("%s", Visible(v.NoChange))
		return t.String()
	}
	width := t.column(v.Files)
	for _, g := range v.Files {
		t.files(g, width)
	}
	for _, l := range v.Others {
		if l.Mark == planview.None {
			t.line("  %s", Visible(l.Text))
		} else {
			t.item(l.Mark, Visible(l.Text))
		}
	}
	t.line("")
	t.notes(v.Notices)
	t.line("%s %s", t.with(bold, "Plan:"), v.Summary())
	t.notes(v.Notes)
	return t.String()
}

// styles are the colours of the marks.
var styles = map[planview.Mark]style{planview.Add: green, planview.Modify: yellow, planview.Remove: red}

// widest is the maximum width of the column of paths. The size of a longer path follows the
// path, so that the other sizes stay close to their paths.
const widest = 60

// column returns the width of the column of paths for these groups.
func (t *page) column(groups []planview.Group) int {
	width := 0
	for _, g := range groups {
		for _, f := range g.Files[:t.first(len(g.Files))] {
			if n := utf8.RuneCountInString(Visible(f.Path)); n <= widest {
				width = max(width, n)
			}
		}
	}
	return width
}

// files lists the first files of a group, with their sizes in a column.
func (t *page) files(g planview.Group, width int) {
	for _, f := range g.Files[:t.first(len(g.Files))] {
		if f.Size == "" {
			t.item(g.Mark, Visible(f.Path))
			continue
		}
		t.line("  %s %-*s  %s", t.mark(g.Mark), width, Visible(f.Path), t.with(faint, f.Sizes()))
	}
	t.more(string(g.Mark), styles[g.Mark], len(g.Files))
}

func (t *page) item(m planview.Mark, text string) {
	t.line("  %s %s", t.mark(m), text)
}

// problems prints notices of the engine on lines of their own.
func (t *page) problems(list []manifest.Problem) {
	for _, n := range advice.Terminal.Problems(list) {
		t.notes([]string{n.String()})
	}
}

// notes prints notes on lines of their own.
func (t *page) notes(notes []string) {
	for _, n := range notes {
		t.line("%s %s", t.with(yellow, "Note:"), Visible(n))
	}
}
