package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// After a save of one file among a thousand, watch starts workerd once for the new version, and
// does little else. The test logs the time, and checks the number of starts.
func TestWatchLatency(t *testing.T) {
	const files, saves = 1000, 10
	binary, err := workerd.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	starts := countStarts(t, binary)
	for i := range files {
		write(t, filepath.Join("public", fmt.Sprintf("d%d", i/50), fmt.Sprintf("f%d.html", i)), strings.Repeat("page ", 200))
	}
	write(t, filepath.Join("public", "index.html"), "first")

	out := &output{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- parse(ctx, []string{"watch", "--name", "tides"}, streams{nil, out, out, os.Getenv})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var url string
	if !eventually(func() bool {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
		return url != ""
	}) {
		t.Fatalf("it did not start:\n%s", out)
	}
	awaitPage(t, url+"/d3/f150", "page")

	before := starts()
	var all []time.Duration
	for i := range saves {
		text := fmt.Sprintf("save %d", i)
		saved := time.Now()
		write(t, filepath.Join("public", "d3", "f150.html"), text)
		awaitPage(t, url+"/d3/f150", text)
		all = append(all, time.Since(saved))
	}
	slices.Sort(all)
	t.Logf("a save is shown after %v at best, %v in the median", all[0], all[len(all)/2])
	// Writing a file takes two steps, and each may start a workerd.
	if n := starts() - before; n < saves || n > 2*saves {
		t.Errorf("%d saves started %d workerds\n%s", saves, n, out)
	}
}

// countStarts replaces workerd by a script that counts the starts.
func countStarts(t *testing.T, binary string) (starts func() int) {
	t.Helper()
	dir := t.TempDir()
	script, count := filepath.Join(dir, "workerd"), filepath.Join(dir, "count")
	text := fmt.Sprintf("#!/bin/sh\necho >> '%s'\nexec '%s' \"$@\"\n", count, binary)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(workerd.EnvPath, script)
	return func() int {
		b, err := os.ReadFile(count)
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
}

func awaitPage(t *testing.T, url, want string) {
	t.Helper()
	last := ""
	if !eventually(func() bool {
		a, err := get(url)
		if err != nil {
			t.Fatal(err)
		}
		last = a.status + " " + a.body
		return strings.HasPrefix(a.body, want)
	}) {
		t.Fatalf("%s: no answer had %q, the last one was %q", url, want, last)
	}
}
