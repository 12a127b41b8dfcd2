package objects

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

func layoutOf(w *gittest.Work) Layout {
	dir := w.Path(".git")
	return Layout{GitDir: dir, CommonDir: dir, ObjectDir: filepath.Join(dir, "objects"), IDBytes: SHA1Bytes}
}

// opened opens a repository without the git command.
func opened(t *testing.T, w *gittest.Work) *Reader {
	t.Helper()
	s, err := openFiles(layoutOf(w))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &Reader{store: s}
}

// bothStores opens the repository with each implementation of store.
func bothStores(t *testing.T, w *gittest.Work) map[string]store {
	t.Helper()
	git := newCatStore(command.New(command.Options{Dir: w.Dir}), layoutOf(w))
	t.Cleanup(func() { _ = git.Close() })
	return map[string]store{"fileStore": opened(t, w).store, "catStore": git}
}

func contentFrom(t *testing.T, store store, id string) string {
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

// Both stores read the original of an object that git replace replaced, because the live manifest
// names the original's id.
func TestReplacedObjects(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a.html", "original").Write("b.html", "replacement").Commit("one")
	id := w.Git("rev-parse", "HEAD:a.html")
	w.Git("replace", id, w.Git("rev-parse", "HEAD:b.html"))
	for name, store := range bothStores(t, w) {
		if got := contentFrom(t, store, id); got != "original" {
			t.Errorf("%s: it has %q", name, got)
		}
	}
}

// After a content is closed before its end, the next content is complete.
func TestContentClosedEarly(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a.html", strings.Repeat("a\n", 5000)).Write("b.html", "b").Commit("one")
	first, second := w.Git("rev-parse", "HEAD:a.html"), w.Git("rev-parse", "HEAD:b.html")
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
				t.Errorf("%s: after %d bytes of the first content, the second is %.40q", name, n, got)
			}
		}
	}
}

// A truncated tree is corrupt, unless it ends between entries.
func TestTruncatedTree(t *testing.T) {
	t.Parallel()
	one := "100644 a\x00" + strings.Repeat("x", SHA1Bytes)
	whole := one + "40000 dir\x00" + strings.Repeat("y", SHA1Bytes)
	for n := range len(whole) + 1 {
		entries, err := parseTree([]byte(whole[:n]), SHA1Bytes)
		between := n == 0 || n == len(one) || n == len(whole)
		if (err == nil) != between {
			t.Errorf("the first %d bytes: %v, %v", n, entries, err)
		}
	}
}

func FuzzParseCommit(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add([]byte("tree " + id + "\nparent " + id +
		"\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\nsubject\n\nbody"))
	f.Add([]byte("tree x"))
	f.Add([]byte("tree " + id + "\ncommitter > 99999999999999999999"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(data)
		if err == nil && (!IsID(c.Tree) || strings.Contains(c.Subject, "\n")) {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00" + strings.Repeat("x", 20) + "40000 b\x00" + strings.Repeat("y", 20)))
	f.Add([]byte("100644 a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(data, 20)
		if err != nil {
			return
		}
		var bytesOfEntries int
		for _, e := range entries {
			if len(e.ID) != 40 || strings.Contains(e.Name, "\x00") || !bytes.Contains(data, []byte(e.Name+"\x00")) {
				t.Fatalf("%+v", e)
			}
			bytesOfEntries += len(" ") + len(e.Name) + len("\x00") + 20
		}
		if bytesOfEntries > len(data) {
			t.Fatalf("%d entries take %d bytes of %d", len(entries), bytesOfEntries, len(data))
		}
	})
}
