package main

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// overview collects the job summary of several projects. Its size is limited.
type overview struct {
	// failed, changed and same are the rows of the table. faults and diffs are the text below it.
	failed, changed, same rows
	faults, diffs         strings.Builder
}

// rows are the first rows of a table, and the number of all rows.
type rows struct {
	text  strings.Builder
	count int
}

// add adds the outcome of a project.
func (o *overview) add(id string, r *app.Report) {
	to, below := &o.changed, &o.diffs
	switch {
	case r.Error != nil:
		to, below = &o.failed, &o.faults
	case r.NoChange:
		to, below = &o.same, nil
	}
	if to.count++; to.count <= summaryRows {
		fmt.Fprintf(&to.text, "| %s | %s |\n", escape(id), strings.Join(row(r), " | "))
	}
	if below == nil || to.count > summaryRows || below.Len() > maxSummary/2 {
		return
	}
	fmt.Fprintf(below, "\n#### %s\n", escape(id))
	if r.Error != nil {
		faultText(below, r.Error)
		return
	}
	outcomeText(below, r)
}

// row returns the row of a project without its first cell.
func row(r *app.Report) []string {
	if r.Error != nil {
		return []string{"failed", "", "", "", escape(r.Deployment)}
	}
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	return []string{planview.Changes(r.Plan), count(r.Added), count(r.Changed), count(r.Removed), escape(r.Deployment)}
}

// headline returns the outcome in one sentence.
func (o *overview) headline(total *app.Report) string {
	changed := "changed"
	if total.DryRun {
		changed = "would change"
	}
	all := o.failed.count + o.changed.count + o.same.count
	return fmt.Sprintf("%s: %d %s, %d unchanged, %d failed.",
		humanize.Count(all, "project"), o.changed.count, changed, o.same.count, o.failed.count)
}

// summary returns the overview as Markdown: failed projects come first, unchanged ones last.
func (o *overview) summary(total *app.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### kv-sync %s: projects\n", escape(total.Command))
	if o.failed.count+o.changed.count+o.same.count > 0 {
		fmt.Fprintf(&b, "\n%s %d requests, %.1f seconds.\n", o.headline(total), total.Requests, total.Seconds)
		b.WriteString("\n| Project | What changed | Added | Changed | Removed | Live deployment |\n")
		b.WriteString("|---|---|--:|--:|--:|---|\n")
		omitted := 0
		for _, r := range []*rows{&o.failed, &o.changed, &o.same} {
			b.WriteString(r.text.String())
			omitted += max(0, r.count-summaryRows)
		}
		if omitted > 0 {
			fmt.Fprintf(&b, "\nThe log has %d more.\n", omitted)
		}
	}
	if total.Error != nil && o.failed.count == 0 { // otherwise each failed project has its own text
		b.WriteString("\n")
		faultText(&b, total.Error)
	}
	b.WriteString(o.faults.String())
	b.WriteString(o.diffs.String())
	return truncate(b.String())
}
