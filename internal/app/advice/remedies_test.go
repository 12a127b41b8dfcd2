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

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// declared are the guards and cases in the source of the engine and of its callers.
type declared struct {
	guards map[string]guard.ID // by the name of the constant
	cases  map[string]finding.Case
	stops  map[string]string // the guard's constant, by that of the case
}

// find reads the declarations in all code below some folders.
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
			name += "2" // another package declares a case with the same name
		}
		d.cases[name] = finding.Case(text)
	}
}

// textOf returns the value of a string constant.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value) // a case is always a string
		return text
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	}
	return ""
}

// nameOf returns the last part of a qualified name.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// Every guard has a remedy in each place, and so has every case of a guard. Every other case
// is in the table.
func TestEveryCaseHasRemedies(t *testing.T) {
	d := find(t, "../../../sync", ".", "../../pull", "../../cloudflare")
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

// A remedy for a workflow names no flags, one for a terminal no inputs, and one for the daemon
// neither, except in commands to type by hand. Every word in braces is a fact.
func TestRemediesFitTheirPlace(t *testing.T) {
	flags := regexp.MustCompile(`(^|\s)-{1,2}[a-z]`)
	inputs := regexp.MustCompile(`\binputs?\b|workflow|actions/checkout|\bjob\b|mode:`)
	hand, braces := regexp.MustCompile(`kv-sync [a-z]+`), regexp.MustCompile(`\{[a-z]*\}`)
	check := func(what string, r remedy) {
		if flags.MatchString(r[Workflow]) {
			t.Errorf("%s: the remedy for a workflow is %q", what, r[Workflow])
		}
		if inputs.MatchString(r[Terminal]) || inputs.MatchString(r[Daemon]) {
			t.Errorf("%s: the remedy for a terminal is %q, for the daemon %q", what, r[Terminal], r[Daemon])
		}
		if flags.MatchString(r[Daemon]) && !hand.MatchString(r[Daemon]) {
			t.Errorf("%s: the remedy for the daemon is %q", what, r[Daemon])
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

// While a folder is watched, a mistake is corrected by a save: nobody runs a command again.
func TestWatchSaysToSave(t *testing.T) {
	told := 0
	for c, r := range caseRemedies {
		text := Watch.Fix("", &finding.Finding{Case: c})
		if strings.Contains(text, again) || strings.Contains(text, againSame) {
			t.Errorf("%s: %s", c, text)
		}
		if text != (finding.Facts{}).Fill(r[Terminal]) {
			told++
		}
	}
	if told == 0 {
		t.Error("no remedy says to save")
	}
	for g := range guardRemedies {
		if text := Watch.Remedy(g); strings.Contains(text, againSame) {
			t.Errorf("%s: %s", g, text)
		}
	}
}
