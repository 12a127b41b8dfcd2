package advice

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// declared are the guards and cases that the engine and its users declare, and
// the guards that stop a run for a case.
type declared struct {
	guards map[string]guard.ID // by the name of the constant
	cases  map[string]finding.Case
	stops  map[string]string // the guard's constant, by that of the case
}

// find reads all code below some folders.
func find(t *testing.T, folders ...string) declared {
	t.Helper()
	d := declared{map[string]guard.ID{}, map[string]finding.Case{}, map[string]string{}}
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				ast.Inspect(file, d.look)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(d.guards) < 20 || len(d.cases) < 80 || len(d.stops) < 50 {
		t.Fatalf("found %d guards, %d cases and %d stops", len(d.guards), len(d.cases), len(d.stops))
	}
	return d
}

func (d declared) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ValueSpec:
		if len(n.Values) == 1 {
			d.add(n.Names[0].Name, nameOf(n.Type), n.Values[0])
		}
	case *ast.CallExpr:
		if nameOf(n.Fun) == "Stop" && len(n.Args) == 3 {
			d.stops[nameOf(n.Args[1])] = nameOf(n.Args[0])
		}
	}
	return true
}

func (d declared) add(name, typ string, value ast.Expr) {
	text := textOf(value)
	switch typ {
	case "ID":
		d.guards[name] = guard.ID(text)
	case "Case":
		if d.cases[name] != "" {
			name += "2" // of another package
		}
		d.cases[name] = finding.Case(text)
	}
}

// textOf is the value of a string constant.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value) // no number has the type of a case
		return text
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	}
	return ""
}

// nameOf is the last part of a name.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// Every guard, and every case of one, has a remedy in each place, and every other
// case is in the table.
func TestEveryCaseHasRemedies(t *testing.T) {
	d := find(t, "../../../sync", ".", "../../pull")
	for name, g := range d.guards {
		if r := guardRemedies[g]; slices.Contains(r[:], "") {
			t.Errorf("%s has the remedies %q", name, r)
		}
	}
	for name, c := range d.cases {
		guard, stops := d.stops[name]
		_, listed := caseRemedies[c]
		if !stops && !listed {
			t.Errorf("%s is not in the table", name)
		}
		for p := Terminal; stops && p <= Daemon; p++ {
			if p.Fix(d.guards[guard], &finding.Finding{Case: c}) == "" {
				t.Errorf("%s has no remedy in place %d", name, p)
			}
		}
	}
	for c := range caseRemedies {
		if !slices.Contains(slices.Collect(maps.Values(d.cases)), c) {
			t.Errorf("nothing declares the case %q", c)
		}
	}
}

// A workflow has no flags, a terminal no inputs, and the daemon neither, but what
// somebody types by hand. Every word in braces is one of the facts.
func TestRemediesSpeakOfTheirPlace(t *testing.T) {
	flags := regexp.MustCompile(`(^|\s)-{1,2}[a-z]`)
	inputs := regexp.MustCompile(`\binputs?\b|workflow|actions/checkout|\bjob\b|mode:`)
	hand, braces := regexp.MustCompile(`kv-sync [a-z]+`), regexp.MustCompile(`\{[a-z]*\}`)
	check := func(what string, r remedy) {
		if flags.MatchString(r[Workflow]) {
			t.Errorf("%s: the workflow is told %q", what, r[Workflow])
		}
		if inputs.MatchString(r[Terminal]) || inputs.MatchString(r[Daemon]) {
			t.Errorf("%s: a terminal is told %q, the daemon %q", what, r[Terminal], r[Daemon])
		}
		if flags.MatchString(r[Daemon]) && !hand.MatchString(r[Daemon]) {
			t.Errorf("%s: the daemon is told %q", what, r[Daemon])
		}
		for _, text := range append(r[:], what) {
			if left := braces.FindString(finding.Facts{}.Fill(text)); left != "" {
				t.Errorf("%q names %s, which is no fact", text, left)
			}
		}
	}
	for g, r := range guardRemedies {
		check(string(g), r)
	}
	for c, r := range caseRemedies {
		check(string(c), r)
	}
}

// Each waiver that is declared sets an option of its own.
func TestWaivers(t *testing.T) {
	seen := map[plan.Options]string{{}: "nothing"}
	for _, w := range options.Waivers() {
		var opt plan.Options
		if Lift(w, &opt); seen[opt] != "" {
			t.Errorf("%s sets what %s sets", w.Input, seen[opt])
		}
		seen[opt] = w.Input
	}
}
