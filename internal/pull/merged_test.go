package pull

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// A page that was pulled and then fixed in git is not a conflict, nor is one that a person has
// merged.
func TestMergedByHand(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	pulledBefore, both := an("/page.html", "new", "old"), an("/both.html", "mine", "old")
	write(t, filepath.Join(dir, "page.html"), "new, mended")
	write(t, filepath.Join(dir, "both.html"), "theirs and mine")
	entries := []overlay.Entry{both, pulledBefore}
	o := options
	o.Resolved = []string{"/both.html"}
	r, err := Pull(
		t.Context(),
		entries,
		written{},
		tree,
		knowing(o, map[string]manifest.Nonce{"/page.html": pulledBefore.Nonce}),
	)
	if err != nil || len(r.InGit) != 2 || r.Pulled["/both.html"] != both.Nonce ||
		r.Pulled["/page.html"] != pulledBefore.Nonce {
		t.Errorf("it is %+v, %v", r, err)
	}

	// The next edit of that page at run time is a conflict again.
	next := an("/page.html", "newest", "new", "old")
	r, err = Pull(t.Context(), []overlay.Entry{next}, written{}, tree, knowing(options, r.Pulled))
	if err != nil || len(r.Conflicts) != 1 {
		t.Errorf("it is %+v, %v", r, err)
	}

	o.Resolved = []string{"/nobody-wrote-this.html"}
	var guard *guard.Error
	if _, err := Pull(t.Context(), entries, written{}, tree, o); !errors.As(err, &guard) {
		t.Errorf("a slip of the hand passed: %v", err)
	}
}

// The content comes into git, but the write is not noted as pulled, because a deploy would drop
// its headers.
func TestContentWithHeaders(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	headers, typed := an("/headers.html", "new", ""), an("/feed", "new", "")
	headers.Content.Headers = [][2]string{{"x-robots-tag", "noindex"}}
	typed.Content.Type = "application/atom+xml"
	from := written{"/headers.html": "new", "/feed": "new"}
	for range 2 { // the second time they are in git
		r, err := Pull(t.Context(), []overlay.Entry{typed, headers}, from, tree, options)
		if err != nil || len(r.Kept) != 2 || len(r.Pulled) != 0 {
			t.Errorf("it is %+v, %v", r, err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "feed")); string(b) != "new" {
		t.Errorf("git has %q", b)
	}
}

// If git can hold only one of two writes, the other is not noted as pulled; a deploy would drop
// it.
func TestFileAndFolder(t *testing.T) {
	top := repository(t)
	branch, err := OpenBranch(top, "site", "edits")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	entries := []overlay.Entry{
		an("/a", "new", ""),
		an("/a-b", "new", ""),
		an("/a/b", "new", ""),
		an("/a/b/c", "new", ""),
	}
	from := written{"/a": "new", "/a-b": "new", "/a/b": "new", "/a/b/c": "new"}
	for _, tree := range []Tree{branch, folder} {
		r, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil || len(r.Taken) != 2 || len(r.Conflicts) != 2 || len(r.Pulled) != 2 {
			t.Errorf("%T: it is %+v, %v", tree, r, err)
			continue
		}
		if r.Conflicts[0].Path != "/a/b" {
			t.Errorf("%T: the conflict is %+v", tree, r.Conflicts[0])
		}
	}
}

// On Windows a work tree has CR LF where git has LF.
func TestLineEndings(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "page.html"), "one\r\ntwo\r\n\rthree\r\n")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	r, err := Pull(
		t.Context(),
		[]overlay.Entry{an("/page.html", "new", "one\ntwo\n\rthree\n")},
		written{"/page.html": "new"},
		tree,
		options,
	)
	if err != nil || len(r.Taken) != 1 {
		t.Errorf("it is %+v, %v", r, err)
	}
}

// Somebody saves the file while the other content arrives.
func TestConcurrentSave(t *testing.T) {
	for name, content := range map[string]string{"page.html": "old", "new.html": ""} {
		dir := t.TempDir()
		if content != "" {
			write(t, filepath.Join(dir, name), content)
		}
		tree, err := OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		saved := during(func() { write(t, filepath.Join(dir, name), "saved by hand") })
		if _, err := Pull(t.Context(), []overlay.Entry{an("/"+name, "new", content)}, saved, tree, options); err == nil {
			t.Errorf("%s: it was pulled", name)
		}
		if want := fmt.Sprintf("%s %q\n", filepath.Join(dir, name), "saved by hand"); snapshot(t, dir) != want {
			t.Errorf("the folder became %s", snapshot(t, dir))
		}
	}
}
