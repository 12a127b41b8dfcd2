package clients_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// command is a row of the table of wrangler's commands in docs/local-platform.md.
type command struct {
	name    string // the command, or a group of commands: "pages *"
	outcome string
	example []string // arguments of wrangler
	quoted  []string // the texts that its output has
}

// The outcomes in the table.
const (
	works       = "works"        // exit code 0
	differs     = "differs"      // as the remarks say
	notModelled = "not modelled" // an error that names the request
	elsewhere   = "elsewhere"    // no request reaches the platform
)

// commandRow matches a row: command, outcome, example, remarks.
var commandRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| `wrangler ([^`]+)` \\| ([^|]*) \\|$")

// covers reports whether the row is about a command.
func (c command) covers(line string) bool {
	if group, ok := strings.CutSuffix(c.name, "*"); ok {
		return strings.HasPrefix(line, group)
	}
	return strings.HasPrefix(line+" ", c.name+" ")
}

// assign returns, for each row, the commands of wrangler that it covers: a command belongs to the row
// with the longest name. Each command has a row, and each row has a command.
func assign(t *testing.T, rows []command, names []string) [][]string {
	t.Helper()
	assigned := make([][]string, len(rows))
	for _, name := range names {
		best := -1
		for i, c := range rows {
			group := strings.HasSuffix(c.name, "*")
			if c.covers(name) && (group || c.name == name) && (best < 0 || len(c.name) > len(rows[best].name)) {
				best = i
			}
		}
		if best < 0 {
			t.Errorf("docs/local-platform.md has no row for wrangler %s", name)
			continue
		}
		assigned[best] = append(assigned[best], name)
	}
	for i, list := range assigned {
		if len(list) == 0 {
			t.Errorf("wrangler has no command for the row %s", rows[i].name)
		}
	}
	return assigned
}

// table reads the table.
func table(t *testing.T) (list []command) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/local-platform.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Commands of wrangler\n")
	if !ok {
		t.Fatal("docs/local-platform.md has no section about wrangler's commands")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range commandRow.FindAllStringSubmatch(section, -1) {
		c := command{name: row[1], outcome: row[2], example: strings.Fields(row[3])}
		if !c.covers(row[3]) {
			t.Errorf("the example of %s is wrangler %s", c.name, row[3])
		}
		for _, text := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[4], -1) {
			c.quoted = append(c.quoted, text[1])
		}
		list = append(list, c)
	}
	if rows := strings.Count(section, "\n| `"); rows != len(list) {
		t.Errorf("the table has %d rows, of which %d have the form of a row", rows, len(list))
	}
	return list
}
