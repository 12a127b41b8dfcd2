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

// recordedTree is a tree that reads and writes the record of pulled writes.
type recordedTree interface {
	pulledTree
	Pulled() (manifest.Pulled, error)
}

// Pulled returns an error for a damaged record. If the record counted as empty, the pull would
// replace it by one without the writes that were in it.
func TestDamagedRecord(t *testing.T) {
	const damaged = "<<<<<<< HEAD\n" + "0102030405060708 /a.html\n"
	eachTree(
		t,
		map[string]string{manifest.PulledName: damaged},
		func(t *testing.T, tree pulledTree, _ func(string) string) {
			pulled, err := tree.(recordedTree).Pulled()
			var refused *manifest.RefusedError
			if !errors.As(err, &refused) || len(pulled.Writes) > 0 {
				t.Errorf("got %v, %v", pulled, err)
			}
		},
	)
}

// SetPulled removes the file if the record is empty. If the old file stayed, the next deploy
// would drop writes that git does not have.
func TestEmptyRecordIsRemoved(t *testing.T) {
	one := manifest.Pulled{Writes: map[string]manifest.Nonce{"/a.html": {1}}}
	files := map[string]string{"index.html": "x", manifest.PulledName: string(manifest.FormatPulled(one))}
	eachTree(t, files, func(t *testing.T, tree pulledTree, read func(string) string) {
		if pulled, err := tree.(recordedTree).Pulled(); err != nil || len(pulled.Writes) != 1 {
			t.Fatalf("%v, %v", pulled, err)
		}
		for range 2 { // the second time the file does not exist
			if err := tree.SetPulled(manifest.Pulled{}); err != nil {
				t.Fatal(err)
			}
		}
		pulled, err := tree.(recordedTree).Pulled()
		if err != nil || len(pulled.Writes) > 0 || read(manifest.PulledName) != "" {
			t.Errorf("the record is still %v, %v", pulled, err)
		}
	})
}

// An entry without a nonce does not count as pulled, also if the record has a zero nonce.
func TestWriteWithoutNonce(t *testing.T) {
	entry := newEntry("/page.html", "mine", "old")
	entry.Nonce = manifest.Nonce{}
	for _, pulled := range []map[string]manifest.Nonce{nil, {"/page.html": {}}} {
		eachTree(
			t,
			map[string]string{"page.html": "theirs"},
			func(t *testing.T, tree pulledTree, _ func(string) string) {
				r, err := Pull(t.Context(), []overlay.Entry{entry}, contentMap{}, tree, withKnown(options, pulled))
				if err != nil || len(r.Conflicts) != 1 || len(r.Pulled.Writes) > 0 {
					t.Errorf("the report is %+v, %v", r, err)
				}
			},
		)
	}
}

// A resolved pathname with a nonce resolves the conflict of that write only. A later write is
// still a conflict.
func TestResolvedWithNonce(t *testing.T) {
	merged, next := newEntry("/both.html", "mine", "old"), newEntry("/both.html", "mine, again", "mine", "old")
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
				r, err := Pull(t.Context(), []overlay.Entry{tt.entry}, contentMap{}, tree, o)
				if err != nil || (len(r.InGit) == 1) != tt.inGit || len(r.InGit)+len(r.Conflicts) != 1 ||
					(len(r.Pulled.Writes) == 1) != tt.inGit {
					t.Errorf("the report is %+v, %v", r, err)
				}
			},
		)
	}
}

// An edit of a file that git ignores is a conflict. If the edit were recorded as pulled, the next
// deploy would drop it.
func TestFileIgnoredByGit(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ignored.html"), "old")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	tree.Hide(map[string]string{"/ignored.html": "git ignores it", "/new.html": "git ignores it"})
	entries := []overlay.Entry{newEntry("/ignored.html", "new", "old"), newEntry("/new.html", "new", "")}
	r, err := Pull(t.Context(), entries, contentMap{"/ignored.html": "new", "/new.html": "new"}, tree, options)
	if err != nil || len(r.Conflicts) != 2 || r.Conflicts[0].Reason != "git ignores it" || len(r.Pulled.Writes) > 0 {
		t.Errorf("the report is %+v, %v", r, err)
	}
}

// An edit of a file in a nested repository is a conflict, because the site's repository does not
// have its files.
func TestNestedRepository(t *testing.T) {
	for name, dotGit := range map[string]string{"submodule": "module/.git", "clone": "module/.git/HEAD"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, filepath.FromSlash(dotGit)), "gitdir: ../.git/modules/module\n")
		write(t, filepath.Join(dir, "module", "page.html"), "old")
		tree, err := OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		entries := []overlay.Entry{newEntry("/module/new.html", "new", ""), newEntry("/module/page.html", "new", "old")}
		from := contentMap{"/module/page.html": "new", "/module/new.html": "new"}
		r, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil || len(r.Conflicts) != 2 || !strings.Contains(r.Conflicts[0].Reason, "submodule") ||
			len(r.Pulled.Writes) > 0 {
			t.Errorf("%s: the report is %+v, %v", name, r, err)
		}
		if text, _ := os.ReadFile(filepath.Join(dir, "module", "page.html")); string(text) != "old" {
			t.Errorf("%s: the page became %q", name, text)
		}
	}
}

// OpenBranch refuses a branch that is checked out in any work tree of the repository, because the
// next commit in that work tree would revert the edits.
func TestBranchCheckedOutElsewhere(t *testing.T) {
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

// A repository cannot have both a branch edits and a branch edits/x, because git stores a branch
// in a file of its name.
func TestConflictingBranchNames(t *testing.T) {
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

// Commit does not overwrite a branch that another process has created since OpenBranch.
func TestBranchCreatedConcurrently(t *testing.T) {
	top := repository(t)
	b, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, top, "checkout", "-q", "-b", "edits")
	runGit(t, top, "commit", "-q", "--allow-empty", "-m", "theirs")
	theirs := runGit(t, top, "rev-parse", "edits")
	if err := b.SetPulled(manifest.Pulled{Writes: map[string]manifest.Nonce{"/a": {1}}}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Commit(Message{Author: tool, Text: "x\n"}, time.Now())
	if got := runGit(t, top, "rev-parse", "edits"); err == nil || got != theirs {
		t.Errorf("the branch is at %s, want %s: %v", got, theirs, err)
	}
}
