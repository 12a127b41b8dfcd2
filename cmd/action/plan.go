package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// loggedPaths is the largest number of paths of a plan in the log.
const loggedPaths = 500

// viewOf returns the view of a plan for a workflow. Removed files stay reachable for a time. The
// view names the command that makes them unreachable at once, because there is no input for that.
func viewOf(p *plan.Plan) *planview.View {
	return planview.Reader{
		Place: advice.Workflow, Forget: "run kv-sync deploy " + named(p.Site) + " --forget by hand",
	}.View(p)
}

// plan prints a plan. Its notices are annotations: see [console.notices].
func (c *console) plan(p *plan.Plan) {
	v := viewOf(p)
	c.say("%s %s", v.Site, v.Origin)
	if v.NoChange != "" {
		c.say("%s", v.NoChange)
		return
	}
	c.files(v.Files)
	for _, l := range v.Others {
		c.say("  %s", strings.TrimSpace(string(l.Mark)+" "+l.Text))
	}
	c.say("Plan: %s", v.Summary())
	for _, n := range v.Notes {
		c.say("Note: %s", n)
	}
}

// files prints the first files of the groups.
func (c *console) files(groups []planview.Group) {
	shown, more := limited(loggedPaths, groups, filesOf)
	for _, g := range shown {
		for _, f := range g.Files {
			c.say("  %s %s", g.Mark, strings.TrimSpace(f.Path+"  "+f.Sizes()))
		}
	}
	if more > 0 {
		c.say("  and %d more", more)
	}
}

func filesOf(g *planview.Group) *[]planview.File { return &g.Files }

// limited returns the groups with the first items, at most limit in all, and how many more there are.
func limited[G, I any](limit int, groups []G, items func(*G) *[]I) (first []G, more int) {
	first = slices.Clone(groups)
	for i := range first {
		list := items(&first[i])
		n := min(len(*list), limit)
		limit, more = limit-n, more+len(*list)-n
		*list = (*list)[:n]
	}
	return first, more
}

// planMarkdown writes the changes of a plan as Markdown. dry reports whether the plan was not
// carried out.
func planMarkdown(b *strings.Builder, p *plan.Plan, dry bool) {
	if p == nil || p.NoChange {
		return
	}
	v := viewOf(p)
	summary := v.Done()
	if dry {
		summary = v.Summary()
	}
	fmt.Fprintf(b, "\n%s\n", escape(summary))
	filesTable(b, v.Files)
	for _, l := range v.Others {
		if l.Mark != planview.None {
			fmt.Fprintf(b, "\n%s: %s\n", l.Mark.Word(), escape(l.Text))
		}
	}
	for _, note := range v.Notes {
		fmt.Fprintf(b, "\n%s\n", escape(note))
	}
}

func filesTable(b *strings.Builder, groups []planview.Group) {
	if len(groups) == 0 {
		return
	}
	b.WriteString("\n| | File | Size | Before |\n|---|---|--:|--:|\n")
	shown, more := limited(summaryRows, groups, filesOf)
	for _, g := range shown {
		for _, f := range g.Files {
			now, before := f.Size, f.Before
			if g.Mark == planview.Remove {
				now, before = "", f.Size
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.Mark.Word(), escape(f.Path), now, before)
		}
	}
	if more > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", more)
	}
}

// named returns the flag that selects a site or a project.
func named(site string) string {
	if id, ok := strings.CutPrefix(site, "project/"); ok {
		return "--project " + id
	}
	return "--name " + site
}
