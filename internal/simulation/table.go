package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tables are the two tables of docs/safety.md: how many faults were injected into which scenario, and
// which fault into which kind of call. broken counts the injections that broke a promise.
func Tables(all []Injection, broken func(Injection) bool) string {
	scenarios, faults := &table{}, &table{}
	for _, s := range all {
		wrong := broken(s)
		scenarios.count(s.Scenario.Name, s.Kind, wrong)
		name := s.Fault.Name
		faults.count(name, s.Kind, wrong)
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
