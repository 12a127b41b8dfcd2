package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// broken is a configuration that is refused.
var broken = map[string]string{"kv-sync.toml": "dir = \"pub\n"}

// A broken configuration is refused once. The mirror does not count as damaged because git
// fsck calls an old commit of the history an error.
func TestBrokenConfigurationOnAnOddHistory(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.commit(nil)
	odd := filepath.Join(t.TempDir(), "odd")
	fill(t, filepath.Dir(odd), map[string]string{"odd": fmt.Sprintf("tree %s\nauthor A <a@b.c> 1200000000 +051800\n"+
		"committer A <a@b.c> 1200000000 +051800\n\nx\n", o.git(o.dir, "rev-parse", "HEAD^{tree}"))})
	o.git(o.dir, "reset", "-q", "--hard", o.git(o.dir, "hash-object", "-t", "commit", "-w", "--literally", odd))
	r, _ := startLive(t, o)
	o.push(broken)
	r.poll("push")
	s := r.awaitPhase(daemon.PhaseRefused)
	if n := len(r.runs("blog")); n != 2 || s.Runs[0].Outcome != daemon.OutcomeRefused {
		t.Errorf("%d runs, the last %+v", n, s.Runs[0])
	}
	if strings.Contains(r.log.String(), "cloned again") {
		t.Error("the mirror was removed")
	}
	remove(t, filepath.Join(o.dir, "kv-sync.toml"))
	r.deploy(o, nil)
}

// All mistakes of a commit are in one report: those of its configuration and its folder.
func TestMistakesOfACommitAreReportedTogether(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	o.push(map[string]string{"kv-sync.toml": "directory = \"dist\"\nretian = 3\nretain = 0\n"})
	r.poll("push")
	problem := r.awaitPhase(daemon.PhaseRefused).Problem
	for _, want := range []string{"kv-sync.toml:2: retian", "kv-sync.toml:3: retain is", "has no folder dist"} {
		if !strings.Contains(problem, want) {
			t.Errorf("%s is not in the report:\n%s", want, problem)
		}
	}
}

// A mirror that is damaged again after another clone is not cloned for ever.
func TestOneCloneForACommit(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	r.stop()
	r.fetched = func() {
		objects, _ := filepath.Glob(r.stateFile("mirror.git/objects/??"))
		packs, _ := filepath.Glob(r.stateFile("mirror.git/objects/pack/*"))
		for _, name := range append(objects, packs...) {
			if err := os.RemoveAll(name); err != nil {
				t.Error(err)
			}
		}
	}
	o.push(nil)
	r.start()
	r.await("blog", "refusal", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRefused })
	if n := strings.Count(r.log.String(), "cloned again"); n != 1 {
		t.Errorf("it was cloned again %d times", n)
	}
}

// A commit with a few trees that expand to billions of files is refused, with and without a
// build. It is not tried again before the branch moves.
func TestTreeBombIsRefused(t *testing.T) {
	for name, settings := range map[string][]string{"published": nil, "built": {`build = "true"`}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work, wide, _ := gittest.Growing(t)
			o := newOrigin(t)
			one := o.push(nil)
			r := start(t, noPoll+"fetch-timeout = \"20s\"\n"+siteOf(o, settings...)) // bounds what this test could write
			r.awaitLive(one)
			o.git(o.dir, "fetch", "-q", work.Dir, work.Git("commit-tree", wide, "-m", "x")+":refs/heads/wide")
			public := o.git(o.dir, "commit-tree", "-p", one, "-m", "bomb", gitTree(o, wide))
			o.git(o.dir, "push", "-q", o.bare, public+":refs/heads/main")
			r.poll("push")
			s := r.await("blog", "refusal", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRefused })
			if !strings.Contains(s.Problem, "more than 1000000 files") || s.Live != one {
				t.Errorf("%+v", s)
			}
			runs := len(r.runs("blog"))
			r.pollAgain()
			if n := len(r.runs("blog")); n != runs {
				t.Errorf("%d more runs", n-runs)
			}
		})
	}
}

// gitTree makes a tree whose folder "public" is another tree.
func gitTree(o *origin, public string) string {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "entries")
	fill(o.t, filepath.Dir(file), map[string]string{"entries": "040000 tree " + public + "\tpublic\n"})
	return o.git(o.dir, "-c", "alias.tree=!git mktree <"+file, "tree")
}
