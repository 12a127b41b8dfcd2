package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
)

// benchGit enables TestBenchGit, as `make bench-git` does. It takes minutes, and needs a machine
// that does nothing else.
var benchGit = flag.Bool("bench-git", false, "measure the command in a repository of 100,000 files")

const (
	// gitTime and gitPeak are the limits of a plan, and of a hook for a push without assets.
	gitTime = 300 * time.Millisecond
	gitPeak = 150 << 20
	gitRuns = 9
)

// took is the cost of one run, or the lowest cost of several runs.
type took struct {
	wall, cpu time.Duration
	peak      int64
	requests  int
}

func (t took) String() string {
	return fmt.Sprintf("%7s, CPU %7s, peak %4d MB, %d requests", t.wall.Round(time.Millisecond),
		t.cpu.Round(time.Millisecond), t.peak/1e6, t.requests)
}

// TestBenchGit measures the real command in a repository of 100,000 files, 3000
// commits and a pack of 429 MB, against a local platform.
func TestBenchGit(t *testing.T) {
	if !*benchGit {
		t.Skip("run by make bench-git only; the tests of internal/source and internal/app count git's work in every run")
	}
	repo := &sourcetest.Large{Files: 100_000, FileBytes: 4 << 10, Commits: 3000}
	repo.Make(t)
	repo.CheckOut(t)
	git(t, repo.Dir, "remote", "add", "origin", "https://git.example.org/large.git")
	t.Logf("a pack of %d MB", repo.PackBytes(t)/1e6)
	b := &gitBench{t: t, repo: repo, p: platformtest.Start(t), command: filepath.Join(t.TempDir(), "kv-sync"),
		cache: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.command, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("deploy:                             %s", b.run(b.kvSync("", "deploy", "--commit", sourcetest.Live)))
	time.Sleep(time.Second) // git reads files again whose time is in the same second as the index
	git(t, repo.Dir, "status", "--short")

	push := func(branch string) string {
		return fmt.Sprintf("refs/heads/%s %s refs/heads/main %s\n", branch, repo.ID(t, branch), repo.ID(t, sourcetest.Live))
	}
	noGit := func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(cmd.Env, "PATH="+t.TempDir())
		return cmd
	}
	hook := []string{"hook", "run", "pre-push", "origin", "https://git.example.org/large.git"}
	for _, tc := range []struct {
		name     string
		make     func() *exec.Cmd
		limit    time.Duration // 0: only measured
		requests int
	}{
		{"git diff-tree of a page", func() *exec.Cmd { return b.git("diff-tree", "-r", "main", "page") }, 0, 0},
		{"git status", func() *exec.Cmd { return b.git("status", "--porcelain") }, 0, 0},
		{"plan of a page", func() *exec.Cmd { return b.kvSync("", "plan", "--commit", "page") }, gitTime, 2},
		{"plan of a page, nothing cached", func() *exec.Cmd {
			b.cache = t.TempDir()
			return b.kvSync("", "plan", "--commit", "page")
		}, gitTime, 3},
		{"plan of a page, without git", func() *exec.Cmd { return noGit(b.kvSync("", "plan", "--commit", "page")) },
			gitTime, 2},
		{"plan of no asset", func() *exec.Cmd { return b.kvSync("", "plan", "--commit", "notes") }, gitTime, 2},
		{"plan of no change", func() *exec.Cmd { return b.kvSync("", "plan", "--commit", "main") }, gitTime, 2},
		{"plan of the work tree", func() *exec.Cmd { return b.kvSync("", "plan") }, 0, 2},
		{"plan of the work tree, without git", func() *exec.Cmd { return noGit(b.kvSync("", "plan")) }, 0, 2},
		{"hook, a push of no asset", func() *exec.Cmd { return b.kvSync(push("notes"), hook...) }, gitTime, 0},
		{"hook, a push of a page", func() *exec.Cmd { return b.kvSync(push("page"), hook...) }, 0, 2},
	} {
		got := b.best(tc.make)
		t.Logf("%-35s %s", tc.name+":", got)
		if got.requests != tc.requests {
			t.Errorf("%s: %d requests, want %d", tc.name, got.requests, tc.requests)
		}
		if tc.limit > 0 && got.wall > tc.limit {
			t.Errorf("%s took %s at best, %s are allowed", tc.name, got.wall, tc.limit)
		}
		if runtime.GOOS == "linux" && tc.limit > 0 && (got.peak == 0 || got.peak > gitPeak) {
			t.Errorf("%s took %d bytes of memory, %d are allowed", tc.name, got.peak, gitPeak)
		}
	}
}

type gitBench struct {
	t              *testing.T
	repo           *sourcetest.Large
	p              *platformtest.Fixture
	command, cache string
}

func (b *gitBench) kvSync(stdin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.t.Context(), b.command, args...)
	cmd.Dir, cmd.Stdin = b.repo.Dir, strings.NewReader(stdin)
	cmd.Env = append(append(os.Environ(), "CI=1", "XDG_CACHE_HOME="+b.cache), account(b.p)...)
	return cmd
}

func (b *gitBench) git(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.t.Context(), "git", args...)
	cmd.Dir, cmd.Env = b.repo.Dir, append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
	return cmd
}

// run runs a command to its end.
func (b *gitBench) run(cmd *exec.Cmd) took {
	b.t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	b.p.Server.ResetRequests()
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	peak := watchPeak(cmd)
	if err := cmd.Wait(); err != nil {
		b.t.Fatalf("%v: %v\n%s", cmd.Args, err, said.String())
	}
	return took{
		wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak: <-peak,
		requests: len(b.p.Server.Requests()),
	}
}

// best returns the least time of several runs, and the most memory.
func (b *gitBench) best(command func() *exec.Cmd) took {
	b.t.Helper()
	var runs []took
	for range gitRuns {
		runs = append(runs, b.run(command()))
	}
	out := runs[0]
	for _, k := range runs {
		out.wall, out.cpu, out.peak = min(out.wall, k.wall), min(out.cpu, k.cpu), max(out.peak, k.peak)
	}
	return out
}
