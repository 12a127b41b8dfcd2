package source

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// A full id names that commit, even if a branch has the same name. An abbreviation that fits two
// commits is an error.
func TestAmbiguousIDs(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	first := w.Write("a.html", "1").Commit("one")
	second := w.Write("a.html", "2").Commit("two")
	w.Git("update-ref", "refs/heads/"+first, second)
	if c := openCommit(w, Options{Revision: first}); c.ID() != first {
		t.Errorf("%s resolves to the commit of the branch, %s", first, c.ID())
	}

	seen := map[string]string{}
	tree, prefix := w.Git("rev-parse", "HEAD^{tree}"), ""
	for i := 0; prefix == ""; i++ {
		text := fmt.Sprintf("tree %s\nauthor A <a@b> %d +0000\ncommitter A <a@b> %d +0000\n\nx\n", tree, i, i)
		sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(text), text)) //nolint:gosec // git's object ids
		id := hex.EncodeToString(sum[:])
		if twin := seen[id[:5]]; twin != "" {
			w.GitIn(w.Dir, twin, "hash-object", "-t", "commit", "-w", "--stdin")
			w.GitIn(w.Dir, text, "hash-object", "-t", "commit", "-w", "--stdin")
			prefix = id[:5]
		}
		seen[id[:5]] = text
	}
	if c, err := OpenCommit(t.Context(), options(w, Options{Revision: prefix})); err == nil {
		_ = c.Close()
		t.Errorf("%s fits two commits, and resolves to %s", prefix, c.ID())
	}
}

// The repository's settings for git status do not change which source Auto selects, and the
// programs that they name are not run.
func TestCleanByRepositoryConfig(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	ran := filepath.Join(t.TempDir(), "ran")
	monitor := filepath.Join(t.TempDir(), "monitor")
	script := []byte("#!/bin/sh\n: >" + ran + "\n")
	if err := os.WriteFile(monitor, script, 0o755); err != nil { //nolint:gosec // git may run it
		t.Fatal(err)
	}
	w.Git("config", "status.showUntrackedFiles", "no")
	w.Git("config", "core.fsmonitor", monitor)
	w.Write("public/new.html", "new")
	s, err := Open(t.Context(), options(w, Options{Dir: "public"}))
	if err != nil {
		t.Fatal(err)
	}
	if o, err := s.Origin(t.Context()); err != nil || o.Kind != KindFolder {
		t.Errorf("with a new file the source is the %s, %v", o.Kind, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("core.fsmonitor was run")
	}
}

// A folder that lacks files because of a sparse checkout is refused.
func TestSparseFolderIsRefused(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	w.Git("sparse-checkout", "set", "--no-cone", "/*", "!/public/css/")
	w.Write("public/index.html", "changed") // so that Auto selects the folder
	if _, err := Open(t.Context(), options(w, Options{Dir: "public"})); err == nil ||
		!strings.Contains(err.Error(), "the sparse checkout leaves out public/css/a.css") {
		t.Error(err)
	}
	w.Git("sparse-checkout", "disable")
	if s, err := Open(t.Context(), options(w, Options{Dir: "public"})); err != nil {
		t.Error(err)
	} else if o, _ := s.Origin(t.Context()); o.Kind != KindFolder {
		t.Errorf("the source is the %s", o.Kind)
	}
}

// If the repository cannot be read, a tracked folder is refused: without its commit the deployment
// would have no order. An untracked folder has no commit in any case, so it is published.
func TestTrackedFolderNeedsItsCommit(t *testing.T) {
	for name, configure := range map[string]string{"another object format": "[core]\n\trepositoryformatversion = " +
		"1\n[extensions]\n\tobjectFormat = sha256\n",
		"an extension that is not known": "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfrobnicate = true\n"} {
		t.Run(name, func(t *testing.T) {
			w := gittest.New(t)
			if strings.Contains(configure, "sha256") {
				w = gittest.Plain(t)
				w.Git("init", "-q", "-b", "main", "--object-format=sha256")
			}
			w.Write("site/index.html", "x").Write(".gitignore", "build/\n")
			w.Git("add", "-A")
			w.Git("commit", "-q", "-m", "one")
			w.Write("build/index.html", "x")
			if err := os.WriteFile(w.Path(".git/config"), []byte(configure), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", t.TempDir())
			for _, o := range []Options{{Dir: "site"}, {Dir: "site", Kind: KindCommit}} {
				if _, err := Open(t.Context(), options(w, o)); !errors.Is(err, worktree.ErrUnreadable) {
					t.Errorf("%+v: %v", o, err)
				}
			}
			s, err := Open(t.Context(), options(w, Options{Dir: "build"}))
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := s.Origin(t.Context()); o.Kind != KindFolder {
				t.Errorf("the source of the untracked folder is the %s", o.Kind)
			}
		})
	}
}
