package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// contentMap is a [Source] with the contents of edits by pathname.
type contentMap map[string]string

func (m contentMap) Copy(_ context.Context, e *overlay.Entry, to io.Writer) error {
	_, err := io.WriteString(to, m[e.Path])
	return err
}

// newEntry makes an overlay entry with a nonce derived from path and content. Content "" makes a
// deletion. was are the replaced contents, newest first; "" means no file.
func newEntry(path, content string, was ...string) overlay.Entry {
	e := overlay.Entry{
		Path:    path,
		Time:    time.Date(2026, 11, 21, 10, 0, len(path), 0, time.UTC),
		Author:  "Grace <grace@example.org>",
		Message: "edit " + path,
	}
	h := manifest.HashOf([]byte(path + content))
	copy(e.Nonce[:], h[:])
	if content != "" {
		e.Content = &overlay.Content{
			Hash: manifest.HashOf([]byte(content)),
			Size: int64(len(content)),
			Type: rules.ContentType(path),
		}
	}
	for _, w := range was {
		if w == "" {
			e.Was = append(e.Was, manifest.Hash{})
		} else {
			e.Was = append(e.Was, manifest.HashOf([]byte(w)))
		}
	}
	return e
}

// cases are three-way comparisons.
var cases = []struct {
	entry overlay.Entry
	// git is the content in git before the pull, and after is the content afterwards. "" means
	// no file.
	git   string
	want  string // "taken", "removed", "in git", "conflict", "kept"
	after string
}{
	{newEntry("/edited.html", "new", "old"), "old", "taken", "new"},
	{newEntry("/edited-twice.html", "newer", "new", "old"), "old", "taken", "newer"},
	{newEntry("/edited-since-pull.html", "newer", "new", "old"), "new", "taken", "newer"},
	{newEntry("/made.html", "new", ""), "", "taken", "new"},
	{newEntry("/deep/down/made.html", "new", ""), "", "taken", "new"},
	{newEntry("/deleted.html", "", "old"), "old", "removed", ""},
	{newEntry("/folder/only.html", "", "old"), "old", "removed", ""},
	{newEntry("/same.html", "new", "old"), "new", "in git", "new"},
	{newEntry("/gone.html", "", "old"), "", "in git", ""},
	{newEntry("/both.html", "mine", "old"), "theirs", "conflict", "theirs"},
	{newEntry("/both-made.html", "mine", ""), "theirs", "conflict", "theirs"},
	{newEntry("/deleted-changed.html", "", "old"), "theirs", "conflict", "theirs"},
	{newEntry("/changed-deleted.html", "mine", "old"), "", "conflict", ""},
	{newEntry("/_redirects", "/a /b\n", ""), "", "kept", ""},
	{newEntry("/blog/_headers", "/blog/*\n  X: y\n", ""), "", "kept", ""},
	{newEntry("/.hidden", "new", ""), "", "kept", ""},
	{newEntry("/../outside.html", "new", ""), "", "kept", ""},
	{newEntry("/.git/config", "new", ""), "", "kept", ""},
	{newEntry(`/back\slash`, "new", ""), "", "kept", ""},
	{newEntry("/new\nline", "new", ""), "", "kept", ""},
}

// writeCases writes the git contents of the cases, and the file other.html, into a folder.
func writeCases(t *testing.T, dir string) {
	t.Helper()
	for _, c := range cases {
		if c.git != "" {
			write(t, filepath.Join(dir, c.entry.Path), c.git)
		}
	}
	write(t, filepath.Join(dir, "other.html"), "other")
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// caseOverlay returns the entries of the cases and their contents.
func caseOverlay() (entries []overlay.Entry, from contentMap) {
	from = contentMap{}
	contents := []string{"new", "newer", "mine", "/a /b\n", "/blog/*\n  X: y\n"}
	for _, c := range cases {
		entries = append(entries, c.entry)
		for _, text := range contents {
			if c.entry.Content != nil && c.entry.Content.Hash == manifest.HashOf([]byte(text)) {
				from[c.entry.Path] = text
			}
		}
	}
	return entries, from
}

var options = Options{ContentType: rules.ContentType}

func withKnown(o Options, known map[string]manifest.Nonce) Options {
	o.Known = manifest.Pulled{Writes: known}
	return o
}

func check(t *testing.T, r *Report, read func(path string) string) {
	t.Helper()
	got := map[string]string{}
	for what, edits := range map[string][]Edit{"taken": r.Taken, "removed": r.Removed, "in git": r.InGit,
		"conflict": r.Conflicts, "kept": r.Kept} {
		for _, e := range edits {
			got[e.Path] += what
		}
	}
	for _, c := range cases {
		if got[c.entry.Path] != c.want {
			t.Errorf("%q: the result is %q, want %q", c.entry.Path, got[c.entry.Path], c.want)
		}
		_, pulled := r.Pulled.Writes[c.entry.Path]
		if inGit := c.want == "taken" || c.want == "removed" || c.want == "in git"; pulled != inGit {
			t.Errorf("%q: recorded as pulled: %t", c.entry.Path, pulled)
		}
		if invalidPathReason(c.entry.Path) == "" && read(c.entry.Path) != c.after {
			t.Errorf("%q: git has %q, want %q", c.entry.Path, read(c.entry.Path), c.after)
		}
	}
	if read("/other.html") != "other" {
		t.Error("a file that nobody edited was changed")
	}
}

func TestWorkTree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	writeCases(t, dir)
	if err := os.Chmod(filepath.Join(dir, "edited.html"), 0o755); err != nil { //nolint:gosec // tests that the mode stays
		t.Fatal(err)
	}
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	entries, from := caseOverlay()

	dry := options
	dry.DryRun = true
	before := snapshot(t, dir)
	if _, err := Pull(t.Context(), entries, from, tree, dry); err != nil || snapshot(t, dir) != before {
		t.Fatalf("a dry run changed something: %v", err)
	}

	r, err := Pull(t.Context(), entries, from, tree, options)
	if err != nil {
		t.Fatal(err)
	}
	check(t, r, func(path string) string {
		b, _ := os.ReadFile(filepath.Join(dir, path))
		return string(b)
	})
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "outside.html")); err == nil {
		t.Error("a file was written outside of the folder")
	}
	if _, err := os.Stat(filepath.Join(dir, "folder")); err == nil {
		t.Error("an empty folder was left")
	}
	if info, _ := os.Stat(filepath.Join(dir, "edited.html")); info.Mode().Perm() != 0o755 {
		t.Errorf("the mode became %o", info.Mode().Perm())
	}

	// If the first pull was killed before SetPulled, the next pull reports the same writes.
	rerun, err := Pull(t.Context(), entries, from, tree, options)
	if err != nil || rerun.Changes() || rerun.Noted || !maps.Equal(rerun.Pulled.Writes, r.Pulled.Writes) {
		t.Errorf("after a killed pull: %+v, %v", rerun, err)
	}

	if err := tree.SetPulled(r.Pulled); err != nil {
		t.Fatal(err)
	}
	pulled, err := tree.Pulled()
	if err != nil || len(pulled.Writes) != len(r.Pulled.Writes) {
		t.Fatalf("the record is %v, %v", pulled, err)
	}
	again, err := Pull(t.Context(), entries, from, tree, withKnown(options, pulled.Writes))
	if err != nil || again.Changes() || !again.Noted || len(again.Conflicts) != len(r.Conflicts) {
		t.Errorf("the report of the second pull is %+v, %v", again, err)
	}
}

// A file, a folder or a symlink in the work tree makes an edit of that pathname, or of one below
// it, a conflict.
func TestBlockedInWorkTree(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "file"), "a file")
	write(t, filepath.Join(dir, "folder.html", "index.html"), "a page")
	write(t, filepath.Join(outside, "target.html"), "old")
	for link, target := range map[string]string{"link.html": filepath.Join(outside, "target.html"), "out": outside} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	before := snapshot(t, outside)
	for _, path := range []string{"/file/below.html", "/folder.html", "/link.html", "/out/target.html",
		"/out/new.html"} {
		r, err := Pull(t.Context(), []overlay.Entry{newEntry(path, "new", "old", "")}, contentMap{path: "new"}, tree, options)
		if err != nil || len(r.Conflicts) != 1 || r.Conflicts[0].Reason == "" ||
			strings.HasPrefix(path, "/out/") != strings.Contains(r.Conflicts[0].Reason, "symlink") {
			t.Errorf("%s: the report is %+v, %v", path, r, err)
		}
	}
	if snapshot(t, outside) != before {
		t.Error("something outside of the folder was changed")
	}
}

// If the content cannot be read completely, the pull does not change the file.
func TestFailedContentInWorkTree(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "page.html"), "old")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	before := snapshot(t, dir)
	entries := []overlay.Entry{newEntry("/page.html", "new", "old")}
	if _, err := Pull(t.Context(), entries, broken{errBroken}, tree, options); !errors.Is(err, errBroken) {
		t.Errorf("the error is %v", err)
	}
	if snapshot(t, dir) != before {
		t.Errorf("the folder became %s", snapshot(t, dir))
	}
}

// hook is a [Source] that calls a function before it writes the content.
type hook func()

func (h hook) Copy(_ context.Context, _ *overlay.Entry, to io.Writer) error {
	h()
	_, err := io.WriteString(to, "new")
	return err
}

// KV may not show the content of an entry yet, or no longer. The pull keeps such an edit in the
// overlay, reports it, and does not fail.
func TestContentNotInKV(t *testing.T) {
	eachTree(t, map[string]string{"page.html": "old"}, func(t *testing.T, tree pulledTree, read func(string) string) {
		from := broken{fmt.Errorf("read: %w", cloud.ErrNotFound)}
		r, err := Pull(t.Context(), []overlay.Entry{newEntry("/page.html", "new", "old")}, from, tree, options)
		if err != nil || len(r.Kept) != 1 || len(r.Taken) != 0 || len(r.Pulled.Writes) != 0 || read("page.html") != "old" {
			t.Errorf("the report is %+v, %v; git has %q", r, err, read("page.html"))
		}
	})
}

var errBroken = errors.New("the content cannot be read")

// broken is a [Source] that writes a part of the content and then returns an error.
type broken struct{ error }

func (b broken) Copy(_ context.Context, _ *overlay.Entry, to io.Writer) error {
	_, _ = io.WriteString(to, "ne")
	return b.error
}

// snapshot returns the names and contents of all files below a folder.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, _ := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %q\n", path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDescribe(t *testing.T) {
	one, two := newEntry("/b.html", "new", ""), newEntry("/a.html", "", "old")
	two.Author, two.Message = "Mallory\ncommitter Eve <eve@example.org> 0 +0000",
		"bye\n\nCo-authored-by: Eve <eve@example.org>"
	edit := func(e overlay.Entry) Edit {
		return Edit{Path: e.Path, Time: e.Time, Author: e.Author, Message: e.Message, Entry: &e}
	}
	m := Describe(&Report{Taken: []Edit{edit(one)}})
	if m.Author.String() != "Grace <grace@example.org>" || !strings.HasPrefix(m.Text, "edit /b.html\n\n") {
		t.Errorf("one edit: %+v", m)
	}
	m = Describe(&Report{Taken: []Edit{edit(one)}, Removed: []Edit{edit(two)}})
	want := `Pull 2 edits made at run time

Edits made at run time:

- delete /a.html: bye Co-authored-by: Eve <eve@example.org> (2026-11-21T10:00:07Z)
- write /b.html: edit /b.html (2026-11-21T10:00:07Z)

Co-authored-by: Mallory committer Eve <eve@example.org>
Co-authored-by: Grace <grace@example.org>
`
	if m.Author != tool || m.Text != want && !strings.Contains(m.Text, "Co-authored-by: Grace") ||
		strings.Count(m.Text, "\nCo-authored-by") != 2 {
		t.Errorf("two edits: %+v", m)
	}
	// A CI service obeys such text in a commit message.
	skips := newEntry("/c.html", "new", "")
	skips.Message = "[skip ci] [ci skip]"
	if m := Describe(&Report{Taken: []Edit{edit(skips)}}); strings.Contains(m.Text, "[") {
		t.Errorf("the message is %s", m.Text)
	}
	if m := Describe(&Report{}); m.Text != "Note which run-time edits are in git\n" || m.Author != tool {
		t.Errorf("no edit: %+v", m)
	}
	if p := person(" \x00<>\n"); p != tool {
		t.Errorf("the author is %+v, want kv-sync", p)
	}
}
