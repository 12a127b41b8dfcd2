package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Outcomes of a mutation.
const (
	killed = "killed"
	alive  = "alive"
)

// runner makes one mutation at a time and runs its tests.
type runner struct {
	top     string // the top folder of the repository
	scratch string // the folder for overlays and for a copy of the repository
	copied  bool   // the copy exists
}

// run makes the mutation and runs its tests. It returns the outcome and the test that failed. An
// error means that the tests could not be run.
func (r *runner) run(ctx context.Context, g *Guard) (outcome, by string, err error) {
	mutant, err := g.mutate(r.top)
	if err != nil {
		return "", "", err
	}
	overlay, err := r.overlay(g, mutant)
	if err != nil {
		return "", "", err
	}
	if strings.HasSuffix(g.File, ".go") {
		if out, err := r.golang(ctx, overlay, "build", "-o", os.DevNull, "./"+path.Dir(g.File)); err != nil {
			return "", "", fmt.Errorf("mutation %s does not compile: %s", g.ID(), tail(out))
		}
	}
	for _, test := range g.Tests {
		passed, err := r.test(ctx, test, overlay, g.File, mutant)
		if err != nil {
			return "", "", fmt.Errorf("mutation %s: %w", g.ID(), err)
		}
		if !passed {
			return killed, test, nil
		}
	}
	return alive, "", nil
}

// baseline returns an error if a test fails without a mutation.
func (r *runner) baseline(ctx context.Context, test string) error {
	passed, err := r.test(ctx, test, "", "", nil)
	if err == nil && !passed {
		err = fmt.Errorf("%s fails without a mutation: fix that first", test)
	}
	return err
}

// failedTest matches the output of a test that ran and failed. It does not match the output of a
// test that could not be built or started.
var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: |^panic: `)

// test runs one of [Guard.Tests] with file replaced by mutant.
func (r *runner) test(ctx context.Context, test, overlay, file string, mutant []byte) (passed bool, err error) {
	var out []byte
	if strings.HasPrefix(test, "./") {
		test, flags, _ := strings.Cut(test, " ")
		pkg, run, _ := strings.Cut(test, ":")
		args := []string{"test", "-vet=off", "-failfast", "-timeout=10m", pkg}
		if run != "" {
			args = append(args, "-run="+run)
		}
		if overlay != "" {
			args = append(args, "-count=1") // Go would reuse a result although a program that the test builds has changed
		}
		out, err = r.golang(ctx, overlay, append(args, strings.Fields(flags)...)...)
		if err == nil && strings.Contains(string(out), "no tests to run") {
			return false, fmt.Errorf("%s has no such test", test)
		}
	} else {
		out, err = r.typescript(ctx, test, file, mutant)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		if strings.HasPrefix(test, "./") && !failedTest.Match(out) {
			return false, fmt.Errorf("%s could not be run: %s", test, tail(out))
		}
		_ = os.WriteFile(filepath.Join(r.scratch, "last.log"), out, 0o600)
		return false, nil
	}
	return err == nil, err
}

// overlay writes the file for Go's flag -overlay and returns its name. With it, Go's commands read
// the mutant instead of the file.
func (r *runner) overlay(g *Guard, mutant []byte) (string, error) {
	file := filepath.Join(r.scratch, "mutant"+path.Ext(g.File))
	if err := os.WriteFile(file, mutant, 0o600); err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(r.top, filepath.FromSlash(g.File)): file},
	})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(r.scratch, "overlay.json")
	return overlay, os.WriteFile(overlay, content, 0o600)
}

// golang runs the go command. It passes the overlay in GOFLAGS, because tests run go build too.
func (r *runner) golang(ctx context.Context, overlay string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.top
	flags := "-buildvcs=false"
	if overlay != "" {
		flags += " -overlay=" + overlay
	}
	cmd.Env = append(os.Environ(), "GOFLAGS="+flags)
	return cmd.CombinedOutput()
}

// typescript runs one file of the Worker's tests in the copy of the repository.
func (r *runner) typescript(ctx context.Context, test, file string, mutant []byte) ([]byte, error) {
	tree := filepath.Join(r.scratch, "tree")
	if !r.copied {
		if err := r.copyTree(ctx, tree); err != nil {
			return nil, err
		}
		r.copied = true
	}
	if file != "" {
		target := filepath.Join(tree, filepath.FromSlash(file))
		original, err := os.ReadFile(target)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(target, mutant, 0o600); err != nil {
			return nil, err
		}
		defer os.WriteFile(target, original, 0o600) //nolint:errcheck // after an error here, the next tests fail
	}
	name := strings.TrimSuffix(strings.TrimPrefix(test, "worker/"), ".ts") + ".mjs"
	cmd := exec.CommandContext(ctx, "sh", "-c", "npm run --silent build:test && exec node --test .build/"+name)
	cmd.Dir = filepath.Join(tree, "worker")
	return cmd.CombinedOutput()
}

// copyTree copies the tracked files, and makes a symlink to node_modules.
func (r *runner) copyTree(ctx context.Context, tree string) error {
	if _, err := os.Stat(filepath.Join(r.top, "worker/node_modules")); err != nil {
		return fmt.Errorf("run `npm ci` in worker/ first: %w", err)
	}
	if err := os.MkdirAll(tree, 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", `git ls-files -z | tar --null --files-from=- -cf - | tar -xf - -C "$1"`,
		"sh", tree)
	cmd.Dir = r.top
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy the repository: %w: %s", err, tail(out))
	}
	return os.Symlink(filepath.Join(r.top, "worker/node_modules"), filepath.Join(tree, "worker/node_modules"))
}

// tail returns the end of the output of a command.
func tail(out []byte) string {
	const limit = 600
	return strings.TrimSpace(string(out[max(0, len(out)-limit):]))
}
