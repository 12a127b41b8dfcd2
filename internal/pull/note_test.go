package pull

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// notedTree is a tree with the file that says which writes are in git.
type notedTree interface {
	pulledTree
	Pulled() (map[string]manifest.Nonce, error)
}

// A damaged note stops the pull. If it counted as empty, it would be rewritten without the
// writes that it named.
func TestDamagedNoteStopsThePull(t *testing.T) {
	const damaged = "<<<<<<< HEAD\n" + "0102030405060708 /a.html\n"
	eachTree(
		t,
		map[string]string{manifest.PulledName: damaged},
		func(t *testing.T, tree pulledTree, _ func(string) string) {
			pulled, err := tree.(notedTree).Pulled()
			var refused *manifest.RefusedError
			if !errors.As(err, &refused) || len(pulled) > 0 {
				t.Errorf("it was read as %v, %v", pulled, err)
			}
		},
	)
}

// An empty note is removed. A write that it still named would be dropped by the next deploy,
// though git does not have it.
func TestEmptyNoteIsRemoved(t *testing.T) {
	one := map[string]manifest.Nonce{"/a.html": {1}}
	files := map[string]string{"index.html": "x", manifest.PulledName: string(manifest.FormatPulled(one))}
	eachTree(t, files, func(t *testing.T, tree pulledTree, read func(string) string) {
		if pulled, err := tree.(notedTree).Pulled(); err != nil || len(pulled) != 1 {
			t.Fatalf("%v, %v", pulled, err)
		}
		for range 2 { // also where there is none
			if err := tree.SetPulled(nil); err != nil {
				t.Fatal(err)
			}
		}
		if pulled, err := tree.(notedTree).Pulled(); err != nil || len(pulled) > 0 || read(manifest.PulledName) != "" {
			t.Errorf("it still says %v, %v", pulled, err)
		}
	})
}

// An entry without a nonce is compared by its content: it does not count as pulled.
func TestWriteWithoutNonce(t *testing.T) {
	entry := an("/page.html", "mine", "old")
	entry.Nonce = manifest.Nonce{}
	for _, pulled := range []map[string]manifest.Nonce{nil, {"/page.html": {}}} {
		eachTree(
			t,
			map[string]string{"page.html": "theirs"},
			func(t *testing.T, tree pulledTree, _ func(string) string) {
				r, err := Pull(t.Context(), []overlay.Entry{entry}, written{}, tree, knowing(options, pulled))
				if err != nil || len(r.Conflicts) != 1 || len(r.Pulled) > 0 {
					t.Errorf("it is %+v, %v", r, err)
				}
			},
		)
	}
}

// A person has merged one write. If another write came meanwhile, the conflict stays.
func TestResolvedMeansOneWrite(t *testing.T) {
	merged, next := an("/both.html", "mine", "old"), an("/both.html", "mine, again", "mine", "old")
	o := options
	o.Resolved = []string{"/both.html@" + merged.Nonce.String()}
	for _, tt := range []struct {
		entry overlay.Entry
		inGit bool
	}{{merged, true}, {next, false}} {
		eachTree(
			t,
			map[string]string{"both.html": "theirs and mine"},
			func(t *testing.T, tree pulledTree, _ func(string) string) {
				r, err := Pull(t.Context(), []overlay.Entry{tt.entry}, written{}, tree, o)
				if err != nil || (len(r.InGit) == 1) != tt.inGit || len(r.InGit)+len(r.Conflicts) != 1 ||
					(len(r.Pulled) == 1) != tt.inGit {
					t.Errorf("it is %+v, %v", r, err)
				}
			},
		)
	}
}

// A file that git would not take from the work tree is a conflict: an edit noted as pulled
// there would be dropped by the next deploy.
func TestHiddenFromGit(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ignored.html"), "old")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	tree.Hide(map[string]string{"/ignored.html": "git ignores it", "/new.html": "git ignores it"})
	entries := []overlay.Entry{an("/ignored.html", "new", "old"), an("/new.html", "new", "")}
	r, err := Pull(t.Context(), entries, written{"/ignored.html": "new", "/new.html": "new"}, tree, options)
	if err != nil || len(r.Conflicts) != 2 || r.Conflicts[0].Reason != "git ignores it" || len(r.Pulled) > 0 {
		t.Errorf("it is %+v, %v", r, err)
	}
}

// The site's repository does not see files of a repository below it.
func TestFolderOfAnotherRepository(t *testing.T) {
	for name, dotGit := range map[string]string{"a submodule": "module/.git", "a clone": "module/.git/HEAD"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, filepath.FromSlash(dotGit)), "gitdir: ../.git/modules/module\n")
		write(t, filepath.Join(dir, "module", "page.html"), "old")
		tree, err := OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		entries := []overlay.Entry{an("/module/new.html", "new", ""), an("/module/page.html", "new", "old")}
		r, err := Pull(
			t.Context(),
			entries,
			written{"/module/page.html": "new", "/module/new.html": "new"},
			tree,
			options,
		)
		if err != nil || len(r.Conflicts) != 2 || !strings.Contains(r.Conflicts[0].Reason, "submodule") ||
			len(r.Pulled) > 0 {
			t.Errorf("%s: it is %+v, %v", name, r, err)
		}
		if text, _ := os.ReadFile(filepath.Join(dir, "module", "page.html")); string(text) != "old" {
			t.Errorf("%s: the page became %q", name, text)
		}
	}
}

// A branch that is checked out in any work tree of the repository is not changed, whichever of
// them the pull runs in: the next commit there would revert the edits.
func TestBranchOfAnotherWorkTree(t *testing.T) {
	top := repository(t)
	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, top, "worktree", "add", "-q", "-b", "elsewhere", linked)
	for _, from := range []string{top, linked} {
		for _, branch := range []string{"main", "elsewhere"} {
			if _, err := OpenBranch(from, "site", branch); err == nil ||
				!strings.Contains(err.Error(), "is checked out") {
				t.Errorf("%s from %s: %v", branch, filepath.Base(from), err)
			}
		}
	}
}

// A branch is a file, or a folder of branches. One in the place of the other would break every
// later fetch.
func TestBranchBesideAnother(t *testing.T) {
	top := repository(t)
	runGit(t, top, "branch", "edits")
	runGit(t, top, "branch", "pulls/monday")
	for name, refused := range map[string]bool{"edits/x": true, "pulls": true, "edits-x": false,
		"pulls/tuesday": false, "edits": false} {
		if _, err := OpenBranch(top, "site", name); (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A branch that somebody makes between the check and the commit is not overwritten.
func TestBranchMadeMeanwhile(t *testing.T) {
	top := repository(t)
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "checkout", "-q", "-b", "edits")
	runGit(t, top, "commit", "-q", "--allow-empty", "-m", "theirs")
	theirs := runGit(t, top, "rev-parse", "edits")
	if err := b.SetPulled(map[string]manifest.Nonce{"/a": {1}}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Commit(Message{Author: tool, Text: "x\n"}, time.Now())
	if got := runGit(t, top, "rev-parse", "edits"); err == nil || got != theirs {
		t.Errorf("the branch is at %s, want %s: %v", got, theirs, err)
	}
}
