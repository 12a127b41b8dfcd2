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

// An edit is not a conflict if it was pulled before and the page then changed in git, or if a
// person has merged it.
func TestMergedInGit(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	pulledBefore, both := newEntry("/page.html", "new", "old"), newEntry("/both.html", "mine", "old")
	write(t, filepath.Join(dir, "page.html"), "new, then changed in git")
	write(t, filepath.Join(dir, "both.html"), "theirs and mine")
	entries := []overlay.Entry{both, pulledBefore}
	o := options
	o.Resolved = []string{"/both.html"}
	r, err := Pull(
		t.Context(),
		entries,
		contentMap{},
		tree,
		withKnown(o, map[string]manifest.Nonce{"/page.html": pulledBefore.Nonce}),
	)
	if err != nil || len(r.InGit) != 2 || r.Pulled.Writes["/both.html"] != both.Nonce ||
		r.Pulled.Writes["/page.html"] != pulledBefore.Nonce {
		t.Errorf("the report is %+v, %v", r, err)
	}

	// The next edit of the pulled page at run time is a conflict.
	next := newEntry("/page.html", "newest", "new", "old")
	r, err = Pull(t.Context(), []overlay.Entry{next}, contentMap{}, tree, withKnown(options, r.Pulled.Writes))
	if err != nil || len(r.Conflicts) != 1 {
		t.Errorf("the report is %+v, %v", r, err)
	}

	o.Resolved = []string{"/not-edited.html"}
	var refused *guard.Error
	if _, err := Pull(t.Context(), entries, contentMap{}, tree, o); !errors.As(err, &refused) {
		t.Errorf("resolved pathname without an edit: %v", err)
	}
}

// The content of an edit with headers or its own type comes into git. But the edit is not
// recorded as pulled, because the next deploy would then drop its headers and type.
func TestContentWithHeaders(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	headers, typed := newEntry("/headers.html", "new", ""), newEntry("/feed", "new", "")
	headers.Content.Headers = [][2]string{{"x-robots-tag", "noindex"}}
	typed.Content.Type = "application/atom+xml"
	from := contentMap{"/headers.html": "new", "/feed": "new"}
	for range 2 { // in the second pull, git has the contents
		r, err := Pull(t.Context(), []overlay.Entry{typed, headers}, from, tree, options)
		if err != nil || len(r.Kept) != 2 || len(r.Pulled.Writes) != 0 {
			t.Errorf("the report is %+v, %v", r, err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "feed")); string(b) != "new" {
		t.Errorf("git has %q", b)
	}
}

// Git cannot have both a file a and a file a/b. If there are edits of both, one is a conflict and
// is not recorded as pulled, because a deploy would drop it.
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
		newEntry("/a", "new", ""),
		newEntry("/a-b", "new", ""),
		newEntry("/a/b", "new", ""),
		newEntry("/a/b/c", "new", ""),
	}
	from := contentMap{"/a": "new", "/a-b": "new", "/a/b": "new", "/a/b/c": "new"}
	for _, tree := range []Tree{branch, folder} {
		r, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil || len(r.Taken) != 2 || len(r.Conflicts) != 2 || len(r.Pulled.Writes) != 2 {
			t.Errorf("%T: the report is %+v, %v", tree, r, err)
			continue
		}
		if r.Conflicts[0].Path != "/a/b" {
			t.Errorf("%T: the conflict is %+v", tree, r.Conflicts[0])
		}
	}
}

// On Windows a file of a work tree can have CR LF where git has LF. Such a file is unchanged.
func TestLineEndings(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "page.html"), "one\r\ntwo\r\n\rthree\r\n")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	entries := []overlay.Entry{newEntry("/page.html", "new", "one\ntwo\n\rthree\n")}
	r, err := Pull(t.Context(), entries, contentMap{"/page.html": "new"}, tree, options)
	if err != nil || len(r.Taken) != 1 {
		t.Errorf("the report is %+v, %v", r, err)
	}
}

// A pull does not overwrite a file that another process saves during the pull.
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
		saved := hook(func() { write(t, filepath.Join(dir, name), "saved by hand") })
		entries := []overlay.Entry{newEntry("/"+name, "new", content)}
		if _, err := Pull(t.Context(), entries, saved, tree, options); err == nil {
			t.Errorf("%s: the pull did not fail", name)
		}
		if want := fmt.Sprintf("%s %q\n", filepath.Join(dir, name), "saved by hand"); snapshot(t, dir) != want {
			t.Errorf("the folder became %s", snapshot(t, dir))
		}
	}
}
