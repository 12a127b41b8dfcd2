package simulation

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/simulation/report"
)

var update = flag.Bool("update", false, "inject every fault, and write the tables of docs/safety.md")

const (
	page  = "../../docs/safety.md"
	begin = "<!-- written by go test ./internal/simulation -run TestTables -update -->\n"
	end   = "<!-- end -->\n"
)

// The tables in docs/safety.md have each scenario and each fault. With -update each injection is
// tried, and the tables have the results. The numbers are not compared: they change with
// each request that a run makes more or less.
func TestTables(t *testing.T) {
	all := injections(t)
	listed := make([]report.Injection, len(all))
	for i, in := range all {
		listed[i] = report.Injection{Scenario: in.Scenario.Name, Fault: in.Fault.Name, Kind: in.Kind,
			Broken: *update && try(t, in).Wrong != ""}
	}
	want := report.Tables(listed)
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), begin)
	got, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Fatalf("%s has no place for the tables", page)
	case *update:
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case rows(got) != rows(want):
		t.Errorf("%s has other tables than the code; run: go test ./internal/simulation -run TestTables -update", page)
	}
}

// rows are the first cells of the rows of tables.
func rows(tables string) string {
	var out strings.Builder
	for line := range strings.Lines(tables) {
		if name := strings.Split(line, "|"); len(name) > 1 {
			out.WriteString(name[1] + "\n")
		}
	}
	return out.String()
}
