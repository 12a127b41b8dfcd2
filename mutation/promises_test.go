package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// promise matches a promise in docs/promises.md.
	promise = regexp.MustCompile(`(?m)^(\d+)\. \*\*`)
	// kept matches the promises that a comment says a test holds.
	kept = regexp.MustCompile(`(?i)promises? (\d+(?:(?:, | and )\d+)*)`)
	// commented matches a comment and the test function after it.
	commented = regexp.MustCompile(`((?:// .*\n)+)func (Test\w+)\(`)
)

// Each promise in docs/promises.md has a test, whose comment says "Promise N", and a mutation that
// this test fails for.
func TestPromises(t *testing.T) {
	guards, err := load("guards")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := promiseTests(t)
	promises := promise.FindAllSubmatch(page, -1)
	if len(promises) < 13 {
		t.Fatalf("found %d promises", len(promises))
	}
	for _, m := range promises {
		if n := string(m[1]); !hasGuard(guards, tests[n]) {
			t.Errorf("promise %s: no mutation names one of its tests, which are %q", n, tests[n])
		}
	}
}

// hasGuard reports whether a guard names one of the tests.
func hasGuard(guards []*Guard, tests []string) bool {
	for _, g := range guards {
		for _, name := range g.Tests {
			dir, pattern, _ := strings.Cut(name, ":")
			for _, test := range tests {
				in, test, _ := strings.Cut(test, ":")
				if in == dir && pattern != "" == (test != "") && regexp.MustCompile(pattern).MatchString(test) {
					return true
				}
			}
		}
	}
	return false
}

// promiseTests returns the tests of each promise, as a guard names them: "./package:Test" or the
// path of a file in TypeScript.
func promiseTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	add := func(comment, test string) {
		for _, m := range kept.FindAllStringSubmatch(comment, -1) {
			for _, n := range regexp.MustCompile(`\d+`).FindAllString(m[1], -1) {
				tests[n] = append(tests[n], test)
			}
		}
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		name, _ := filepath.Rel("..", path)
		isTest := strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".test.ts")
		if d.IsDir() || !isTest {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".ts") {
			add(string(b), filepath.ToSlash(name))
			return nil
		}
		for _, m := range commented.FindAllStringSubmatch(string(b), -1) {
			add(strings.ReplaceAll(m[1], "\n// ", " "), "./"+filepath.ToSlash(filepath.Dir(name))+":"+m[2])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
