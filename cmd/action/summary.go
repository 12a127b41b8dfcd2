package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// summaryRows is how many rows a table of the summary has. GitHub takes 1 MiB a
// step and shows none of a summary that is larger.
const (
	summaryRows = 200
	maxSummary  = 960 << 10
)

// fitting is the text with what GitHub would not take cut off, at the end of a
// line.
func fitting(text string) string {
	if len(text) <= maxSummary {
		return text
	}
	return text[:strings.LastIndexByte(text[:maxSummary], '\n')+1] + "\nThe rest is in the log.\n"
}

// summary is the report as Markdown. Everything that comes from outside passes
// through inert.
func summary(r *app.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### kv-sync %s", inert(r.Command))
	if r.Site != "" {
		fmt.Fprintf(&b, ": %s", inert(r.Site))
	}
	b.WriteString("\n\n")
	if f := r.Error; f != nil {
		faultText(&b, f)
		return fitting(b.String())
	}
	fmt.Fprintf(&b, "%s\n", inert(headline(r)))
	if r.Pull != nil {
		pullTable(&b, r.Pull)
		return fitting(b.String())
	}
	facts(&b, r)
	diff(&b, r)
	return fitting(b.String())
}

// diff says what changed, how to go back, and what is worth knowing.
func diff(b *strings.Builder, r *app.Report) {
	if p := r.Plan; p != nil && !p.NoChange {
		fmt.Fprintf(b, "\n%s.\n", inert(counts(p)))
		changeTable(b, p)
		for _, line := range reachable(p) {
			fmt.Fprintf(b, "\n%s\n", inert(line))
		}
	}
	if r.Command == modeDeploy && !r.DryRun && !r.NoChange && r.PreviousDeployment != "" {
		fmt.Fprintf(b, "\nTo go back: run the rollback workflow, or %s\n", inert(wayBack(r)))
	}
	for _, n := range r.Notices {
		fmt.Fprintf(b, "\n> %s\n", inert(n))
	}
}

// wayBack is the command that undoes a deploy.
func wayBack(r *app.Report) string {
	return "kv-sync rollback " + named(r.Site) + " --to " + r.PreviousDeployment
}

// named is the flag that names a site or a project.
func named(site string) string {
	if id, ok := strings.CutPrefix(site, "project/"); ok {
		return "--project " + id
	}
	return "--name " + site
}

// faultText says what went wrong, what to do, and where.
func faultText(b *strings.Builder, f *app.Failure) {
	fmt.Fprintf(b, "**%s**\n", inert(inInputs(f.Message)))
	if f.Fix != "" {
		fmt.Fprintf(b, "\nWhat to do: %s\n", inert(inInputs(f.Fix)))
	}
	problemTable(b, f.Problems)
	removedTable(b, f.Removed)
}

// facts are the names that a person copies from here.
func facts(b *strings.Builder, r *app.Report) {
	rows := []struct{ name, value string }{
		{"Deployment", r.Deployment}, {"Version", r.VersionID}, {"Version before", r.PreviousVersionID},
		{"Commit", r.Commit}, {"Requests", fmt.Sprint(r.Requests)}, {"Seconds", fmt.Sprintf("%.1f", r.Seconds)},
	}
	b.WriteString("\n| | |\n|---|---|\n")
	if link := linkTo(r.URL); link != "" {
		fmt.Fprintf(b, "| Address | %s |\n", link)
	}
	for _, row := range rows {
		if row.value != "" {
			fmt.Fprintf(b, "| %s | %s |\n", row.name, inert(row.value))
		}
	}
}

// plainAddress is an address that shows as itself in Markdown and ends nothing.
var plainAddress = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(?::[0-9]+)?/?$`)

// linkTo is a link to the site, or its text where it is no plain address.
func linkTo(url string) string {
	if !plainAddress.MatchString(url) {
		return inert(url)
	}
	return "[" + inert(url) + "](" + url + ")"
}

func changeTable(b *strings.Builder, p *kvsync.Plan) {
	total := len(p.Added) + len(p.Changed) + len(p.Removed)
	if total == 0 {
		return
	}
	b.WriteString("\n| | File | Size | Before |\n|---|---|--:|--:|\n")
	rows := 0
	for _, part := range []struct {
		what    string
		changes []kvsync.Change
	}{{"added", p.Added}, {"changed", p.Changed}, {"removed", p.Removed}} {
		for _, ch := range part.changes {
			if rows++; rows > summaryRows {
				break
			}
			now, before := humanize.Bytes(ch.Size), ""
			switch part.what {
			case "changed":
				before = humanize.Bytes(ch.Before)
			case "removed":
				now, before = "", now
			}
			if p.Traits().InPlace { // there the sizes of what is live are not known
				before = ""
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", part.what, inert(ch.Path), now, before)
		}
	}
	if total > summaryRows {
		fmt.Fprintf(b, "\nAnd %d more.\n", total-summaryRows)
	}
}

// removedTable lists what a guard has kept from being removed.
func removedTable(b *strings.Builder, removed []kvsync.Change) {
	if len(removed) == 0 {
		return
	}
	b.WriteString("\n| Would be removed |\n|---|\n")
	for _, ch := range removed[:min(len(removed), summaryRows)] {
		fmt.Fprintf(b, "| %s |\n", inert(ch.Path))
	}
	if more := len(removed) - summaryRows; more > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", more)
	}
}

func problemTable(b *strings.Builder, problems []kvsync.Problem) {
	if len(problems) == 0 {
		return
	}
	b.WriteString("\n| File | Line | What is wrong | What to do |\n|---|--:|---|---|\n")
	for i, p := range problems {
		if i == summaryRows {
			fmt.Fprintf(b, "\nAnd %d more, in the log.\n", len(problems)-summaryRows)
			break
		}
		line := ""
		if p.Line > 0 {
			line = fmt.Sprint(p.Line)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", inert(p.Path), line, inert(p.Reason), inert(p.Fix))
	}
}

// inert is a text that shows as itself in Markdown: no character of it can
// begin markup, a cell, HTML, a link or a mention, and what would not be seen
// or would turn the line around (line breaks, bidirectional marks) is spelled
// out. It is cut after 512 characters.
func inert(s string) string {
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
