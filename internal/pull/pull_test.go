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

// written has the contents of run-time writes, by pathname.
type written map[string]string

func (w written) Copy(_ context.Context, e *overlay.Entry, to io.Writer) error {
	_, err := io.WriteString(to, w[e.Path])
	return err
}

// an makes an entry. Its write's nonce is derived from its content; "" deletes. was is what was
// there before, newest first, "" for nothing.
func an(path, content string, was ...string) overlay.Entry {
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

// cases are three-way comparisons: what git has at a pathname ("" for nothing), what the
// overlay has, and the result.
var cases = []struct {
	entry overlay.Entry
	git   string
	want  string // "taken", "removed", "in git", "conflict", "kept"
	after string // in git
}{
	{an("/edited.html", "new", "old"), "old", "taken", "new"},
	{an("/edited-twice.html", "newer", "new", "old"), "old", "taken", "newer"},
	{an("/edited-since-pull.html", "newer", "new", "old"), "new", "taken", "newer"},
	{an("/made.html", "new", ""), "", "taken", "new"},
	{an("/deep/down/made.html", "new", ""), "", "taken", "new"},
	{an("/deleted.html", "", "old"), "old", "removed", ""},
	{an("/folder/only.html", "", "old"), "old", "removed", ""},
	{an("/same.html", "new", "old"), "new", "in git", "new"},
	{an("/gone.html", "", "old"), "", "in git", ""},
	{an("/both.html", "mine", "old"), "theirs", "conflict", "theirs"},
	{an("/both-made.html", "mine", ""), "theirs", "conflict", "theirs"},
	{an("/deleted-changed.html", "", "old"), "theirs", "conflict", "theirs"},
	{an("/changed-deleted.html", "mine", "old"), "", "conflict", ""},
	{an("/_redirects", "/a /b\n", ""), "", "kept", ""},
	{an("/blog/_headers", "/blog/*\n  X: y\n", ""), "", "kept", ""},
	{an("/.hidden", "new", ""), "", "kept", ""},
	{an("/../outside.html", "new", ""), "", "kept", ""},
	{an("/.git/config", "new", ""), "", "kept", ""},
	{an(`/back\slash`, "new", ""), "", "kept", ""},
	{an("/new\nline", "new", ""), "", "kept", ""},
}

// given makes the folder of the cases, with one more file.
func given(t *testing.T, dir string) {
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

// entriesOf returns the cases as an overlay.
func entriesOf() (entries []overlay.Entry, from written) {
	from = written{}
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

func knowing(o Options, known map[string]manifest.Nonce) Options {
	o.Known = known
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
			t.Errorf("%q: it is %q, want %q", c.entry.Path, got[c.entry.Path], c.want)
		}
		_, pulled := r.Pulled[c.entry.Path]
		if inGit := c.want == "taken" || c.want == "removed" || c.want == "in git"; pulled != inGit {
			t.Errorf("%q: noted as pulled: %t", c.entry.Path, pulled)
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
	given(t, dir)
	if err := os.Chmod(filepath.Join(dir, "edited.html"), 0o755); err != nil { //nolint:gosec // the mode is the point
		t.Fatal(err)
	}
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	entries, from := entriesOf()

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

	// After a kill before the note was written, the next run finds everything.
	rerun, err := Pull(t.Context(), entries, from, tree, options)
	if err != nil || rerun.Changes() || rerun.Noted || !maps.Equal(rerun.Pulled, r.Pulled) {
		t.Errorf("after a pull that was broken off: %+v, %v", rerun, err)
	}

	if err := tree.SetPulled(r.Pulled); err != nil {
		t.Fatal(err)
	}
	pulled, err := tree.Pulled()
	if err != nil || len(pulled) != len(r.Pulled) {
		t.Fatalf("what was pulled is read back as %v, %v", pulled, err)
	}
	again, err := Pull(t.Context(), entries, from, tree, knowing(options, pulled))
	if err != nil || again.Changes() || !again.Noted || len(again.Conflicts) != len(r.Conflicts) {
		t.Errorf("a second pull did %+v, %v", again, err)
	}
}

func TestWorkTreeInTheWay(t *testing.T) {
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
		r, err := Pull(
			t.Context(),
			[]overlay.Entry{an(path, "new", "old", "")},
			written{path: "new"},
			tree,
			options,
		)
		if err != nil || len(r.Conflicts) != 1 || r.Conflicts[0].Reason == "" ||
			strings.HasPrefix(path, "/out/") != strings.Contains(r.Conflicts[0].Reason, "symlink") {
			t.Errorf("%s: it is %+v, %v", path, r, err)
		}
	}
	if snapshot(t, outside) != before {
		t.Error("something outside of the folder was changed")
	}
}

// An edit whose content cannot be read leaves the file as it was.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "page.html"), "old")
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	before := snapshot(t, dir)
	if _, err := Pull(t.Context(), []overlay.Entry{an("/page.html", "new", "old")}, broken{errBroken}, tree,
		options); !errors.Is(
		err,
		errBroken,
	) {
		t.Errorf("the error is %v", err)
	}
	if snapshot(t, dir) != before {
		t.Errorf("the folder became %s", snapshot(t, dir))
	}
}

type during func()

func (d during) Copy(_ context.Context, _ *overlay.Entry, to io.Writer) error {
	d()
	_, err := io.WriteString(to, "new")
	return err
}

// KV may show an entry before its content, or after the content was deleted. Such an edit waits
// and does not block the others.
func TestContentNotShown(t *testing.T) {
	eachTree(t, map[string]string{"page.html": "old"}, func(t *testing.T, tree pulledTree, read func(string) string) {
		r, err := Pull(
			t.Context(),
			[]overlay.Entry{an("/page.html", "new", "old")},
			broken{fmt.Errorf("read: %w", cloud.ErrNotFound)},
			tree,
			options,
		)
		if err != nil || len(r.Kept) != 1 || len(r.Taken) != 0 || len(r.Pulled) != 0 || read("page.html") != "old" {
			t.Errorf("it is %+v, %v; git has %q", r, err, read("page.html"))
		}
	})
}

var errBroken = errors.New("the blob is gone")

type broken struct{ error }

func (b broken) Copy(_ context.Context, _ *overlay.Entry, to io.Writer) error {
	_, _ = io.WriteString(to, "ne")
	return b.error
}

// snapshot returns every file below a folder, in order.
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
	one, two := an("/b.html", "new", ""), an("/a.html", "", "old")
	two.Author, two.Message = "Mallory\ncommitter Eve <eve@example.org> 0 +0000",
		"bye\n\nCo-authored-by: Eve <eve@example.org>"
	edit := func(e overlay.Entry) Edit {
		return Edit{Path: e.Path, Time: e.Time, Author: e.Author, Message: e.Message, Entry: &e}
	}
	m := Describe(&Report{Taken: []Edit{edit(one)}})
	if m.Author.String() != "Grace <grace@example.org>" || !strings.HasPrefix(m.Text, "edit /b.html\n\n") {
		t.Errorf("of one edit it is %+v", m)
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
		t.Errorf("of two it is %+v", m)
	}
	// A forge acts on such text in a commit's message.
	skips := an("/c.html", "new", "")
	skips.Message = "[skip ci] [ci skip]"
	if m := Describe(&Report{Taken: []Edit{edit(skips)}}); strings.Contains(m.Text, "[") {
		t.Errorf("it says %s", m.Text)
	}
	if m := Describe(&Report{}); m.Text != "Note which run-time edits are in git\n" || m.Author != tool {
		t.Errorf("of none it is %+v", m)
	}
	if p := person(" \x00<>\n"); p != tool {
		t.Errorf("nobody is %+v", p)
	}
}
