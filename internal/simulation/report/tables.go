// Package report writes the tables of docs/safety.md.
package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Injection is a fault that was injected into a call of a scenario.
type Injection struct {
	Scenario, Fault string
	// Kind is the kind of the call.
	Kind string
	// Broken is set if it broke a promise.
	Broken bool
}

// Tables are two tables: how many faults were injected into which scenario, and which fault into which
// kind of call.
func Tables(all []Injection) string {
	scenarios, faults := &table{}, &table{}
	for _, in := range all {
		scenarios.count(in.Scenario, in.Kind, in.Broken)
		faults.count(in.Fault, in.Kind, in.Broken)
	}
	return scenarios.text("scenario") + "\n" + faults.text("fault")
}

// table counts injections by row and kind of call.
type table struct {
	rows  []string
	cells map[string]map[string]cell
}

type cell struct{ tried, broken int }

func (t *table) count(row, kind string, wrong bool) {
	if t.cells == nil {
		t.cells = make(map[string]map[string]cell)
	}
	if t.cells[row] == nil {
		t.rows = append(t.rows, row)
		t.cells[row] = make(map[string]cell)
	}
	c := t.cells[row][kind]
	c.tried++
	if wrong {
		c.broken++
	}
	t.cells[row][kind] = c
}

func (t *table) text(head string) string {
	kinds := make(map[string]bool)
	for _, cells := range t.cells {
		for kind := range cells {
			kinds[kind] = true
		}
	}
	columns := slices.Sorted(maps.Keys(kinds))
	var out strings.Builder
	fmt.Fprintf(&out, "| %s |", head)
	for _, kind := range columns {
		fmt.Fprintf(&out, " %s |", strings.ReplaceAll(kind, ".", " "))
	}
	fmt.Fprintf(&out, " all | broken |\n|%s\n", strings.Repeat("---|", len(columns)+3))
	for _, row := range t.rows {
		var sum cell
		fmt.Fprintf(&out, "| %s |", row)
		for _, kind := range columns {
			c := t.cells[row][kind]
			sum.tried, sum.broken = sum.tried+c.tried, sum.broken+c.broken
			fmt.Fprintf(&out, " %s |", c)
		}
		fmt.Fprintf(&out, " %d | %d |\n", sum.tried, sum.broken)
	}
	return out.String()
}

func (c cell) String() string {
	switch {
	case c.tried == 0:
		return ""
	case c.broken > 0:
		return fmt.Sprintf("%d, **%d broken**", c.tried, c.broken)
	}
	return fmt.Sprint(c.tried)
}
