package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// result is a line of the journal.
type result struct {
	ID      string  `json:"id"`
	Digest  string  `json:"digest"`
	Outcome string  `json:"outcome"`
	By      string  `json:"by,omitempty"`
	Seconds float64 `json:"seconds"`
}

// maxAlive is the share of mutations that may be alive with a reason.
const maxAlive = 0.02

func main() {
	only := flag.String("only", "", "try only the mutations whose ID matches this regular `expression`")
	file := flag.String("file", "", "try only the mutations of files that match this regular `expression`")
	by := flag.String("by", "",
		"run this `test`, with its flags, in place of those of the rows, and list what it does not notice")
	again := flag.Bool("again", false, "try also the mutations that were killed before")
	journal := flag.String("journal", "", "the file of the results (default artefacts/mutations.jsonl)")
	flag.Parse()
	if *journal == "" {
		*journal = "artefacts/mutations.jsonl"
		if *by != "" {
			*journal = "artefacts/mutations-by.jsonl"
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, selection{only: *only, file: *file, by: *by, again: *again}, *journal)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// selection says which mutations to try, and how.
type selection struct {
	only, file string // regular expressions of the ID and the file
	// by is a test that runs in place of those of the rows, or "". It need not notice anything.
	by    string
	again bool // also those that were killed before
}

// of returns the selected mutations. With another test, they have no reason to be alive.
func (s selection) of(all []*Guard) (out []*Guard, err error) {
	id, err := regexp.Compile(s.only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	file, err := regexp.Compile(s.file)
	if err != nil {
		return nil, fmt.Errorf("-file: %w", err)
	}
	for _, g := range all {
		if !id.MatchString(g.ID()) || !file.MatchString(g.File) {
			continue
		}
		if s.by != "" {
			g.Tests, g.Alive = []string{s.by}, "only its own tests notice it"
		}
		out = append(out, g)
	}
	return out, nil
}

func start(ctx context.Context, s selection, journal string) error {
	top, err := os.Getwd()
	if err != nil {
		return err
	}
	all, err := load(filepath.Join(top, "mutation/guards"))
	if err != nil {
		return err
	}
	results, err := readJournal(journal)
	if err != nil {
		return err
	}
	chosen, err := s.of(all)
	if err != nil {
		return err
	}
	var todo []*Guard
	for _, g := range chosen {
		before, known := results[g.ID()]
		done := known && before.Digest == g.digest() && (before.Outcome == killed || s.by != "")
		if s.again || !done {
			todo = append(todo, g)
		}
	}
	failed := try(ctx, top, journal, todo, results)
	if s.by != "" {
		report(os.Stdout, chosen, results)
		return failed
	}
	return errors.Join(failed, summarize(os.Stdout, all, results))
}

// try makes the mutations one after the other. It records each result at once. After an error of
// one mutation it continues with the next.
func try(ctx context.Context, top, journal string, todo []*Guard, results map[string]result) error {
	scratch, err := os.MkdirTemp("", "kv-sync-mutation")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // only our own files
	r := &runner{top: top, scratch: scratch}
	passing := make(map[string]bool) // the tests that pass without a mutation
	var failed error
	for i, g := range todo {
		began := time.Now()
		outcome, by, err := attempt(ctx, r, g, passing)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Printf("%d/%d  ERROR  %v\n", i+1, len(todo), err)
			failed = errors.Join(failed, err)
			continue
		}
		res := result{ID: g.ID(), Digest: g.digest(), Outcome: outcome, By: by,
			Seconds: time.Since(began).Round(time.Second / 10).Seconds()}
		fmt.Printf("%d/%d  %s  %s  %s\n", i+1, len(todo), outcome, g.ID(), by)
		if err := appendResult(journal, res); err != nil {
			return err
		}
		results[res.ID] = res
	}
	return failed
}

// attempt makes one mutation. Before, it runs the tests that are not in passing without the
// mutation, because they must pass.
func attempt(ctx context.Context, r *runner, g *Guard, passing map[string]bool) (outcome, by string, err error) {
	for _, test := range g.Tests {
		if !passing[test] {
			if err := r.baseline(ctx, test); err != nil {
				return "", "", err
			}
			passing[test] = true
		}
	}
	return r.run(ctx, g)
}

// summarize prints the counts, and each mutation that is alive. It returns an error if such a
// mutation has no reason, or if there are too many.
func summarize(out io.Writer, all []*Guard, results map[string]result) error {
	var dead, living, unknown, unexplained int
	for _, g := range all {
		res, ok := results[g.ID()]
		switch {
		case !ok || res.Digest != g.digest():
			unknown++
		case res.Outcome == killed:
			dead++
		default:
			living++
			reason := g.Alive
			if reason == "" {
				unexplained++
				reason = "NO REASON: write a test that fails without this guard"
			}
			fmt.Fprintf(out, "alive  %s: %s\n", g.ID(), reason)
		}
	}
	fmt.Fprintf(out, "%d mutations: %d killed, %d alive, %d not tried\n", len(all), dead, living, unknown)
	switch {
	case unexplained > 0:
		return fmt.Errorf("%d mutations are alive without a reason", unexplained)
	case float64(living) > maxAlive*float64(len(all)):
		return fmt.Errorf("%d of %d mutations are alive, more than %g %%", living, len(all), 100*maxAlive)
	}
	return nil
}

// report prints, by file, how many mutations another test notices, and those that it does not.
func report(out io.Writer, chosen []*Guard, results map[string]result) {
	noticed := make(map[string]int)
	tried := make(map[string]int)
	for _, g := range chosen {
		res, ok := results[g.ID()]
		if !ok || res.Digest != g.digest() {
			continue
		}
		if tried[g.File]++; res.Outcome == killed {
			noticed[g.File]++
		} else {
			fmt.Fprintf(out, "not noticed  %s\n", g.ID())
		}
	}
	for _, file := range slices.Sorted(maps.Keys(tried)) {
		fmt.Fprintf(out, "%s: %d of %d noticed\n", file, noticed[file], tried[file])
	}
}

// readJournal returns the last result of each mutation.
func readJournal(name string) (map[string]result, error) {
	results := make(map[string]result)
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return results, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	lines := json.NewDecoder(f)
	for {
		var res result
		switch err := lines.Decode(&res); {
		case errors.Is(err, io.EOF):
			return results, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w; delete it to start again", name, err)
		}
		results[res.ID] = res
	}
}

func appendResult(name string, res result) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(f).Encode(res), f.Close())
}
