package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each mutation can be made in the current code, and the packages of its tests exist.
func TestGuards(t *testing.T) {
	all, err := load("guards")
	if err != nil {
		t.Fatal(err)
	}
	const least = 200
	allowedAlive := 0
	for _, g := range all {
		if _, err := g.mutate(".."); err != nil {
			t.Error(err)
		}
		if g.Alive != "" {
			allowedAlive++
		}
		for _, test := range g.Tests {
			name, _, _ := strings.Cut(test, ":")
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Errorf("mutation %s: %v", g.ID(), err)
			}
		}
	}
	if len(all) < least {
		t.Errorf("there are %d mutations, fewer than %d", len(all), least)
	}
	if float64(allowedAlive) > maxAlive*float64(len(all)) {
		t.Errorf("%d of %d mutations have a reason to be alive, more than %g %%", allowedAlive, len(all), 100*maxAlive)
	}
}

// module creates a module with a guard. TestSharp fails without the guard, and TestBlunt does not.
func module(t *testing.T) *runner {
	t.Helper()
	top := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.org/m\n\ngo 1.26\n",
		"p/p.go": "package p\n\nfunc Half(n int) int {\n\tif n < 0 {\n\t\treturn 0\n\t}\n\treturn n / 2\n}\n",
		"p/p_test.go": "package p\n\nimport \"testing\"\n\nfunc TestSharp(t *testing.T) {\n\tif Half(-4) != 0 " +
			"{\n\t\tt.Fail()\n\t}\n}\n\nfunc TestBlunt(t *testing.T) {\n\tHalf(-4)\n}\n",
		"broken/b_test.go": "package broken\n\nfunc TestBroken(",
		"red/red_test.go":  "package red\n\nimport \"testing\"\n\nfunc TestRed(t *testing.T) { t.Fail() }\n",
	} {
		file := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &runner{top: top, scratch: t.TempDir()}
}

func TestRun(t *testing.T) {
	guard := func(replacement, test string) *Guard {
		return &Guard{Name: "g", File: "p/p.go", Harm: "h", Old: "n < 0", New: replacement, Tests: []string{test}}
	}
	for _, tt := range []struct {
		name, replacement, test string
		outcome, err            string
	}{
		{name: "a test fails", replacement: "false", test: "./p:TestSharp", outcome: killed},
		{name: "no test fails", replacement: "false", test: "./p:TestBlunt", outcome: alive},
		{name: "mutation does not compile", replacement: "n << ", test: "./p", err: "does not compile"},
		{name: "no such test", replacement: "false", test: "./p:TestNowhere", err: "no such test"},
		{name: "test does not compile", replacement: "false", test: "./broken", err: "could not be run"},
		{name: "test fails without the mutation", replacement: "false", test: "./red", err: "fails without a mutation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := module(t)
			outcome, _, err := attempt(context.Background(), r, guard(tt.replacement, tt.test), map[string]bool{})
			if outcome != tt.outcome || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q and %v, want %q and %q", outcome, err, tt.outcome, tt.err)
			}
		})
	}
}

func TestSummarize(t *testing.T) {
	guards := make([]*Guard, 100)
	results := make(map[string]result)
	for i := range guards {
		guards[i] = &Guard{Name: strings.Repeat("x", i+1)}
		results[guards[i].ID()] = result{Outcome: killed, Digest: guards[i].digest()}
	}
	survive := func(i int, reason string) {
		guards[i].Alive = reason
		results[guards[i].ID()] = result{Outcome: alive, Digest: guards[i].digest()}
	}
	if err := summarize(&bytes.Buffer{}, guards, results); err != nil {
		t.Error(err)
	}
	survive(0, "the same in every case")
	survive(1, "the same in every case")
	if err := summarize(&bytes.Buffer{}, guards, results); err != nil {
		t.Error(err)
	}
	survive(2, "the same in every case")
	if err := summarize(&bytes.Buffer{}, guards, results); err == nil {
		t.Error("no error for three of 100 alive")
	}
	results[guards[2].ID()] = result{Outcome: killed, Digest: guards[2].digest()}
	survive(1, "")
	if err := summarize(&bytes.Buffer{}, guards, results); err == nil {
		t.Error("no error for one alive without a reason")
	}
}

// Another test can take the place of those of the rows.
func TestBy(t *testing.T) {
	guard := func(name, file string) *Guard {
		return &Guard{Name: name, File: file, Tests: []string{"./own"}, table: "t"}
	}
	all := []*Guard{guard("seen", "sync/a.go"), guard("unseen", "sync/a.go"), guard("elsewhere", "cmd/b.go")}
	chosen, err := selection{file: "^sync/", by: "./other"}.of(all)
	if err != nil || len(chosen) != 2 || chosen[0].Tests[0] != "./other" || all[2].Tests[0] != "./own" {
		t.Fatalf("chosen are %v, %v", chosen, err)
	}
	results := make(map[string]result)
	for i, outcome := range []string{killed, alive} {
		results[chosen[i].ID()] = result{Digest: chosen[i].digest(), Outcome: outcome}
	}
	var out strings.Builder
	report(&out, chosen, results)
	if want := "not noticed  t/unseen\nsync/a.go: 1 of 2 noticed\n"; out.String() != want {
		t.Errorf("it reports %q", out.String())
	}
	if _, err := (selection{only: "("}).of(all); err == nil {
		t.Error("an invalid expression is accepted")
	}
}
