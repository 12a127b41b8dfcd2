package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/pullview"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

const (
	// summaryRows is the maximum number of rows of a table in the summary.
	summaryRows = 200
	// maxSummary keeps a summary below 1 MiB. GitHub does not show a larger one.
	maxSummary = 960 << 10
)

// truncate cuts a text at the end of a line, to at most maxSummary bytes.
func truncate(text string) string {
	if len(text) <= maxSummary {
		return text
	}
	return text[:strings.LastIndexByte(text[:maxSummary], '\n')+1] + "\nThe rest is in the log.\n"
}

// summary returns the report as Markdown. Every text that is not trusted passes through escape.
func summary(r *app.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### kv-sync %s", escape(r.Command))
	if r.Site != "" {
		fmt.Fprintf(&b, ": %s", escape(r.Site))
	}
	b.WriteString("\n\n")
	if f := r.Error; f != nil {
		faultText(&b, f)
		return truncate(b.String())
	}
	fmt.Fprintf(&b, "%s\n", escape(headline(r)))
	if r.Pull != nil {
		pullTable(&b, pullview.Of(r.Pull, r.DryRun))
		return truncate(b.String())
	}
	facts(&b, r)
	outcomeText(&b, r)
	return truncate(b.String())
}

// outcomeText writes what changed, how to undo the deploy, and the notices.
func outcomeText(b *strings.Builder, r *app.Report) {
	planMarkdown(b, r.Plan, r.DryRun)
	forgets := r.Plan != nil && r.Plan.Forgets
	if r.Command == modeDeploy && !r.DryRun && !r.NoChange && !forgets && r.PreviousDeployment != "" {
		fmt.Fprintf(b, "\nTo go back: run the rollback workflow, or %s\n", escape(undo(r)))
	}
	for _, n := range r.Notices {
		fmt.Fprintf(b, "\n> %s\n", escape(n))
	}
}

// undo returns the command that undoes a deploy.
func undo(r *app.Report) string {
	return "kv-sync rollback " + named(r.Site) + " --to " + r.PreviousDeployment
}

// faultText writes the error, the fix and the problems of a failure.
func faultText(b *strings.Builder, f *app.Failure) {
	fmt.Fprintf(b, "**%s**\n", escape(f.Message))
	if f.Fix != "" {
		fmt.Fprintf(b, "\nWhat to do: %s\n", escape(f.Fix))
	}
	problemTable(b, f.Problems)
	removedTable(b, f.Removed)
}

// facts writes a table of the address, the ids and the cost.
func facts(b *strings.Builder, r *app.Report) {
	rows := []struct{ name, value string }{
		{"Deployment", r.Deployment}, {"Version", r.VersionID}, {"Version before", r.PreviousVersionID},
		{"Commit", r.Commit}, {"Requests", fmt.Sprint(r.Requests)}, {"Seconds", fmt.Sprintf("%.1f", r.Seconds)},
	}
	b.WriteString("\n| | |\n|---|---|\n")
	if link := linkTo(r.URL); link != "" {
		name := "Address"
		if r.Unchecked {
			name = "Last known address"
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, link)
	}
	for _, row := range rows {
		if row.value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", row.name, escape(row.value))
		}
	}
}

// plainAddress matches addresses that need no escaping in Markdown.
var plainAddress = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(?::[0-9]+)?/?$`)

// linkTo returns a link to the site, or escaped text if the address is not plain.
func linkTo(url string) string {
	if !plainAddress.MatchString(url) {
		return escape(url)
	}
	return "[" + escape(url) + "](" + url + ")"
}

// removedTable lists the files that the deploy would have removed if a guard had not stopped it.
func removedTable(b *strings.Builder, removed []plan.Change) {
	if len(removed) == 0 {
		return
	}
	b.WriteString("\n| Would be removed |\n|---|\n")
	for _, ch := range removed[:min(len(removed), summaryRows)] {
		fmt.Fprintf(b, "| %s |\n", escape(ch.Path))
	}
	if more := len(removed) - summaryRows; more > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", more)
	}
}

func problemTable(b *strings.Builder, problems []manifest.Problem) {
	if len(problems) == 0 {
		return
	}
	b.WriteString("\n| File | Line | What is wrong | What to do |\n|---|--:|---|---|\n")
	for i, p := range problems {
		if i == summaryRows {
			fmt.Fprintf(b, "\nThe log has %d more.\n", len(problems)-summaryRows)
			break
		}
		line := ""
		if p.Line > 0 {
			line = fmt.Sprint(p.Line)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", escape(p.Path), line, escape(p.Reason),
			escape(p.Fix))
	}
}

// escape escapes a text for Markdown. The result starts no markup, table cell, HTML, link or
// mention. Invisible characters, line breaks and bidirectional marks are written as escapes.
// The text is cut after 512 characters.
func escape(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 512 {
			b.WriteString("…")
			break
		}
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == '/':
			b.WriteRune(r)
		case r < unicode.MaxASCII && unicode.IsPrint(r):
			fmt.Fprintf(&b, "&#%d;", r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#92;u%04x", r)
		}
	}
	return b.String()
}
