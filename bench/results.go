package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

// results collects the measurements of all runs.
type results struct {
	*bench
	samples map[string]*[4][]sample // by tool, with a list for each scenario
	outages map[string][]outage     // by tool, with one for each outcome
}

func newResults(b *bench) *results {
	r := &results{bench: b, samples: map[string]*[4][]sample{}}
	for _, t := range b.tools {
		r.samples[t.name] = &[4][]sample{}
	}
	return r
}

func (r *results) add(t *tool, step int, s sample) {
	r.samples[t.name][step] = append(r.samples[t.name][step], s)
}

// of returns the median of a tool in a scenario. ok is false if the tool was not measured in it.
func (r *results) of(name string, step int) (s sample, ok bool) {
	all := r.samples[name]
	if all == nil || len(all[step]) == 0 {
		return sample{}, false
	}
	return median(all[step]), true
}

// tables formats the medians.
func (r *results) tables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %d files, %s; %s added to every request; medians of %s.\n\n",
		machine(), r.site.Files, megabytes(r.site.Bytes), r.latency, humanize.Count(r.runs, "run"))
	measures := []struct {
		name string
		of   func(sample) string
	}{
		{"time", func(s sample) string { return seconds(s.wall) }},
		{"CPU", func(s sample) string { return seconds(s.cpu) }},
		{"peak memory", func(s sample) string { return megabytes(s.peak) }},
		{"requests", func(s sample) string { return fmt.Sprint(s.requests) }},
		{"sent", func(s sample) string { return megabytes(s.bytes) }},
	}
	header := []string{"", ""}
	for _, t := range r.tools {
		header = append(header, t.title)
	}
	var rows [][]string
	for step, sc := range scenarios {
		for i, m := range measures {
			row := []string{"", m.name}
			if i == 0 {
				row[0] = sc.name
			}
			for _, t := range r.tools {
				cell := ""
				if s, ok := r.of(t.name, step); ok {
					cell = m.of(s)
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
		}
	}
	b.WriteString(markdown(header, rows))
	if len(r.outages) > 0 {
		b.WriteString("\n" + r.outageTable())
	}
	if r.size.wrangler > 0 {
		fmt.Fprintf(&b, "\nInstalled before a deploy: wrangler %s, and node %s if it is not installed; kv-sync %s.\n",
			megabytes(r.size.wrangler), megabytes(r.size.node), megabytes(r.size.binary))
	}
	return b.String()
}

func (r *results) outageTable() string {
	header := []string{"a visitor could get a broken page"}
	for _, o := range outcomes {
		header = append(header, o.name)
	}
	var rows [][]string
	for _, t := range r.watched {
		row := []string{t.title}
		for _, o := range r.outages[t.name] {
			row = append(row, o.String())
		}
		rows = append(rows, row)
	}
	return markdown(header, rows)
}

// markdown formats a table with aligned columns.
func markdown(header []string, rows [][]string) string {
	width := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)), 3)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(" ", width[i]-len([]rune(cell))))
		}
		b.WriteString("|\n")
	}
	line(header)
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = strings.Repeat("-", width[i])
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// machine describes the machine and the date of the measurement.
func machine() string {
	return fmt.Sprintf("Measured on %s on %s/%s, %s with %s", time.Now().UTC().Format(time.DateOnly),
		runtime.GOOS, runtime.GOARCH, humanize.Count(runtime.NumCPU(), "core"), runtime.Version())
}

// The tables are between these lines of the document.
const (
	docBegin = "<!-- make bench writes from here -->\n"
	docEnd   = "<!-- to here -->\n"
)

// writeInto replaces the tables in a document.
func writeInto(path, text string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(raw), docBegin)
	_, after, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: missing the lines %q and %q around the tables", path, strings.TrimSpace(docBegin),
			strings.TrimSpace(docEnd))
	}
	return os.WriteFile(path, []byte(before+docBegin+"\n"+text+"\n"+docEnd+after), 0o644)
}
