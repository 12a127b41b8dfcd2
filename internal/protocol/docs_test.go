package protocol

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	docs        = "../../docs/model.md"
	resultsFile = "testdata/results.json"
	command     = "go test ./internal/protocol -run TestDocs -long -update"
)

var update = flag.Bool("update", false, "write docs/model.md and the results of the searches; with -long")

// size is the result of a search of a cast. The seconds are those of the machine that wrote it.
type size struct {
	States, Steps int
	Seconds       float64
}

func readResults(t *testing.T) map[string]size {
	t.Helper()
	b, err := os.ReadFile(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]size
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// docs/model.md has the results of the searches, the rules and the assumptions.
func TestDocs(t *testing.T) {
	if *update {
		out := readResults(t)
		for _, c := range Casts {
			if c.Long && !*long {
				continue
			}
			began := time.Now()
			f := Search(c, None, All)
			if f.Invariant != nil || f.Full {
				t.Fatalf("%s: %+v", c.Name, f)
			}
			out[c.Name] = size{f.States, f.Depth, float64(time.Since(began).Round(100*time.Millisecond)) / 1e9}
		}
		b, err := json.MarshalIndent(out, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(resultsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	was := string(b)
	now := was
	found := readResults(t)
	for name, text := range map[string]string{"casts": castTable(found), "invariants": invariantTable(),
		"rules": ruleTable(), "assumptions": assumptionTable(),
		"trace FinishRace":   traceOf(t, "killed", FinishRace),
		"trace TargetIsRoot": traceOf(t, "rollback and prune", TargetIsRoot)} {
		_, rest, ok := strings.Cut(now, "<!-- "+name+": written by "+command+" -->\n")
		_, after, ends := strings.Cut(rest, "<!-- end -->")
		if !ok || !ends {
			t.Fatalf("%s has no place for %s", docs, name)
		}
		now = strings.TrimSuffix(now, rest) + text + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(docs, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if was != now {
		t.Errorf("%s is not what %s writes", docs, command)
	}
}

func castTable(found map[string]size) string {
	var b strings.Builder
	b.WriteString("| search | who takes part | states | steps | seconds |\n|---|---|---|---|---|\n")
	total := 0
	for _, c := range Casts {
		s := found[c.Name]
		total += s.States
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %.1f |\n", c.Name, c.About, thousands(s.States), s.Steps, s.Seconds)
	}
	fmt.Fprintf(&b, "\nTogether these are %s states, and no invariant is violated in any of them.\n", thousands(total))
	return b.String()
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func invariantTable() string {
	var b strings.Builder
	b.WriteString("| invariant | says | promise |\n|---|---|---|\n")
	for _, i := range Invariants {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", i.Name, i.Says, i.Promise)
	}
	return b.String()
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("| rule | where it is | without it |\n|---|---|---|\n")
	for _, d := range Rules {
		without := d.Behind
		if d.Cast != "" {
			f := Search(castNamed(d.Cast), d.Rule, All)
			without = fmt.Sprintf("*%s* is violated in %d steps (%s)", f.Invariant.Name, len(f.Trace), d.Cast)
		} else {
			without = "Nothing is violated. " + without
		}
		fmt.Fprintf(&b, "| %s | `%s` (`%s`) | %s |\n", d.Says, d.File, d.Name, without)
	}
	return b.String()
}

func assumptionTable() string {
	var b strings.Builder
	b.WriteString("| assumption | without it |\n|---|---|\n")
	for _, d := range Assumptions {
		f := Search(castNamed(d.Cast), None, d.Assumption)
		fmt.Fprintf(&b, "| %s | *%s* is violated in %d steps (%s) |\n", d.Says, f.Invariant.Name, len(f.Trace), d.Cast)
	}
	return b.String()
}

func castNamed(name string) *Cast {
	for _, c := range Casts {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func traceOf(t *testing.T, cast string, without Rule) string {
	t.Helper()
	f := Search(castNamed(cast), without, All)
	if f.Invariant == nil {
		t.Fatal("nothing is violated")
	}
	var b strings.Builder
	for i, line := range f.Trace {
		fmt.Fprintf(&b, "%d. %s\n", i+1, line)
	}
	return b.String()
}

// The functions that implement the rules exist.
func TestRulesAreInTheCode(t *testing.T) {
	for _, d := range Rules {
		syntax, err := parser.ParseFile(token.NewFileSet(), "../../"+d.File, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", d.Says, err)
			continue
		}
		found := false
		for _, decl := range syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			found = found || ok && f.Name.Name == d.Name
		}
		if !found {
			t.Errorf("%s: %s has no function %s", d.Says, d.File, d.Name)
		}
	}
}

// The results that docs/model.md has are those of the searches.
func checkSize(t *testing.T, c *Cast, f Found) {
	t.Helper()
	if s := readResults(t)[c.Name]; s.States != f.States || s.Steps != f.Depth {
		t.Errorf("%d states and %d steps; %s says %d and %d", f.States, f.Depth, resultsFile, s.States, s.Steps)
	}
}
