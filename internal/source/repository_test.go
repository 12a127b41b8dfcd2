package source

import (
	"crypto/sha1" //nolint:gosec // git's object ids
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// GIT_CEILING_DIRECTORIES bounds where a repository is looked for, as it does for git.
func TestCeiling(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("sites/blog/index.html", "x").commit("one")
	for ceiling, found := range map[string]bool{"": true, w.path("sites/blog"): true, w.path("sites"): false, w.dir: false, filepath.Dir(w.dir): true} {
		getenv := func(name string) string { return map[string]string{"GIT_CEILING_DIRECTORIES": ceiling}[name] }
		if _, err := findRepository(w.path("sites/blog"), getenv); (err == nil) != found || err != nil && !errors.Is(err, ErrNoRepository) {
			t.Errorf("with the ceiling %q: %v", ceiling, err)
		}
	}
}

// git refuses to work for us in a repository of another user, whose configuration
// may name programs to run.
func TestRepositoryOfAnotherUser(t *testing.T) {
	w := newWork(t)
	id := w.write("a.html", "a").commit("one")
	r, err := findRepository(w.dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) { return r.command().Line(t.Context(), "rev-parse", "HEAD") }
	if out, err := run(); err != nil || out != id {
		t.Fatal(out, err)
	}
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git's own tests use it
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	if out, err := run(); err == nil || !strings.Contains(err.Error(), "safe.directory") {
		t.Errorf("git worked there: %s, %v", out, err)
	}
}

// What git replace puts in the place of an object is not read: an id that the live
// manifest names means one content for ever.
func TestReplacedObjects(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a.html", "original").write("b.html", "replacement").commit("one")
	id := w.git("rev-parse", "HEAD:a.html")
	w.git("replace", id, w.git("rev-parse", "HEAD:b.html"))
	for name, store := range bothStores(t, w) {
		if got := contentFrom(t, store, id); got != "original" {
			t.Errorf("%s: it has %q", name, got)
		}
	}
}

// bothStores are the two ways to read a repository.
func bothStores(t *testing.T, w *work) map[string]objectStore {
	t.Helper()
	r, err := findRepository(w.dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStorage(r.layout)
	if err != nil {
		t.Fatal(err)
	}
	stores := map[string]objectStore{"storage": s, "git": newCatStore(r.command(), r.layout)}
	t.Cleanup(func() {
		for _, s := range stores {
			_ = s.Close()
		}
	})
	return stores
}

func contentFrom(t *testing.T, store objectStore, id string) string {
	t.Helper()
	_, _, content, err := store.open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A content that is closed before its end does not become the beginning of the next.
func TestContentClosedEarly(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a.html", strings.Repeat("a\n", 5000)).write("b.html", "b").commit("one")
	first, second := w.git("rev-parse", "HEAD:a.html"), w.git("rev-parse", "HEAD:b.html")
	for name, store := range bothStores(t, w) {
		for _, n := range []int{0, 1, 9999, 10000} {
			_, _, content, err := store.open(t.Context(), first)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(content, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			if err := content.Close(); err != nil {
				t.Fatal(err)
			}
			if got := contentFrom(t, store, second); got != "b" {
				t.Errorf("%s: after %d bytes of the one before, it has %.40q", name, n, got)
			}
		}
	}
}

// A whole id is that commit, also where somebody has named a branch so; and where
// two commits begin alike, neither is chosen.
func TestIDsThatMayMeanTwo(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	first := w.write("a.html", "1").commit("one")
	second := w.write("a.html", "2").commit("two")
	w.git("update-ref", "refs/heads/"+first, second)
	if c := w.openCommit(Options{Revision: first}); c.ID() != first {
		t.Errorf("the commit %s gives the branch's, %s", first, c.ID())
	}

	seen := map[string]string{}
	tree, prefix := w.git("rev-parse", "HEAD^{tree}"), ""
	for i := 0; prefix == ""; i++ {
		text := fmt.Sprintf("tree %s\nauthor A <a@b> %d +0000\ncommitter A <a@b> %d +0000\n\nx\n", tree, i, i)
		sum := sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(text), text)) //nolint:gosec // git's object ids
		id := hex.EncodeToString(sum[:])
		if twin := seen[id[:5]]; twin != "" {
			w.gitIn(w.dir, twin, "hash-object", "-t", "commit", "-w", "--stdin")
			w.gitIn(w.dir, text, "hash-object", "-t", "commit", "-w", "--stdin")
			prefix = id[:5]
		}
		seen[id[:5]] = text
	}
	if c, err := OpenCommit(t.Context(), w.options(Options{Revision: prefix})); err == nil {
		_ = c.Close()
		t.Errorf("%s is the beginning of two commits, and means %s", prefix, c.ID())
	}
}

// What a repository's configuration says of git status changes nothing of what is
// published, and is not run.
func TestCleanByRepositoryConfig(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.commit("First")
	ran := filepath.Join(t.TempDir(), "ran")
	monitor := filepath.Join(t.TempDir(), "monitor")
	if err := os.WriteFile(monitor, []byte("#!/bin/sh\n: >"+ran+"\n"), 0o755); err != nil { //nolint:gosec // it is to be run, if by anybody
		t.Fatal(err)
	}
	w.git("config", "status.showUntrackedFiles", "no")
	w.git("config", "core.fsmonitor", monitor)
	w.write("public/new.html", "new")
	s, err := Open(t.Context(), w.options(Options{Dir: "public"}))
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

// A folder that a sparse checkout leaves a part of out is not the site.
func TestSparseFolderIsRefused(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.commit("First")
	w.git("sparse-checkout", "set", "--no-cone", "/*", "!/public/css/")
	w.write("public/index.html", "changed") // so that it is no commit
	if _, err := Open(t.Context(), w.options(Options{Dir: "public"})); err == nil || !strings.Contains(err.Error(), "the sparse checkout leaves out public/css/a.css") {
		t.Error(err)
	}
	w.git("sparse-checkout", "disable")
	if s, err := Open(t.Context(), w.options(Options{Dir: "public"})); err != nil {
		t.Error(err)
	} else if o, _ := s.Origin(t.Context()); o.Kind != KindFolder {
		t.Errorf("it is the %s", o.Kind)
	}
}

// In a repository that cannot be read, what is tracked goes live with its commit or
// not at all, for without it there is no order. What is not tracked has none.
func TestTrackedFolderNeedsItsCommit(t *testing.T) {
	for name, configure := range map[string]string{"another object format": "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n",
		"an extension that is not known": "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfrobnicate = true\n"} {
		t.Run(name, func(t *testing.T) {
			w := newWork(t)
			if strings.Contains(configure, "sha256") {
				w = plainWork(t)
				w.git("init", "-q", "-b", "main", "--object-format=sha256")
			}
			w.write("site/index.html", "x").write(".gitignore", "build/\n")
			w.git("add", "-A")
			w.git("commit", "-q", "-m", "one")
			w.write("build/index.html", "x")
			if err := os.WriteFile(w.path(".git/config"), []byte(configure), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", t.TempDir())
			for _, o := range []Options{{Dir: "site"}, {Dir: "site", Kind: KindCommit}} {
				if _, err := Open(t.Context(), w.options(o)); !errors.Is(err, ErrUnreadable) {
					t.Errorf("%+v: %v", o, err)
				}
			}
			s, err := Open(t.Context(), w.options(Options{Dir: "build"}))
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := s.Origin(t.Context()); o.Kind != KindFolder {
				t.Errorf("what is not tracked is the %s", o.Kind)
			}
		})
	}
}
