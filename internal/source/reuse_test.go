package source

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A listing against any earlier manifest is the same as a listing against none.
func TestIncrementalEqualsFull(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	w := gittest.New(t)
	names := []string{"a", "b", "c", "d.html", "e.css", "é.txt"}
	pick := func() string {
		parts := []string{}
		for range 1 + random.IntN(3) {
			parts = append(parts, names[random.IntN(3)])
		}
		return strings.Join(append(parts, names[3+random.IntN(3)]), "/")
	}
	var bases []*manifest.Manifest
	for round := range 25 {
		for range 1 + random.IntN(4) {
			switch random.IntN(6) {
			case 0:
				w.Remove(pick())
			case 1:
				w.Remove(filepath.Dir(pick()))
			case 2:
				w.Write(filepath.ToSlash(filepath.Dir(pick()))+"/.assetsignore", names[3+random.IntN(3)]+"\n")
			case 3:
				name := pick()
				w.Write(filepath.ToSlash(filepath.Dir(name))+"/keep.txt", "x")
				w.Remove(name)
				w.Symlink("keep.txt", name)
			default:
				name := pick()
				w.Remove(name)
				w.Write(name, strings.Repeat("x", random.IntN(5)))
			}
		}
		w.Write("index.html", "i")
		w.Commit("round")
		full := sourcetest.List(t, openCommit(w, Options{}), &manifest.Manifest{})
		for i, base := range bases {
			got := sourcetest.List(t, openCommit(w, Options{}), base)
			got.Excluded = full.Excluded // folders that did not change are not read
			if d := cmp.Diff(full, got, ignoreOpen, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("round %d against %d: %s", round, i, d)
			}
		}
		folder := sourcetest.List(t, openFolder(w, Options{}), &manifest.Manifest{})
		same := cmp.Options{ignoreOpen, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(manifest.Asset{}, "OID", "Modified")}
		if d := cmp.Diff(full.Files, folder.Files, same); d != "" {
			t.Fatalf("round %d: the folder lists other files: %s", round, d)
		}
		bases = append(bases, sourcetest.Manifest(t, full))
		if len(bases) > 4 {
			bases = bases[1:]
		}
	}
}

// A directory below a nested .assetsignore is not reused, because its listing depends on more
// than its own tree.
func TestNoReuseBelowNestedIgnore(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a/in/gone.txt", "x").Write("a/in/kept.txt", "x").Commit("one")
	base := sourcetest.Manifest(t, sourcetest.List(t, openCommit(w, Options{}), nil))
	w.Write("a/.assetsignore", "gone.txt\n").Commit("two")
	if got := sourcetest.Paths(sourcetest.List(t, openCommit(w, Options{}), base)); got != "/a/in/kept.txt" {
		t.Error("a directory was reused although an .assetsignore was added above it:", got)
	}
	base = sourcetest.Manifest(t, sourcetest.List(t, openCommit(w, Options{}), nil))
	w.Remove("a/.assetsignore")
	w.Commit("three")
	if got := sourcetest.Paths(sourcetest.List(t, openCommit(w, Options{}),
		base)); got != "/a/in/gone.txt /a/in/kept.txt" {
		t.Error("a directory was reused although the .assetsignore above it was removed:", got)
	}
}

// Nothing is reused from a manifest of another directory, even if trees and paths are equal,
// because the patterns of the parent directories may differ.
func TestNoReuseFromAnotherDirectory(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("one/sub/a.txt", "a").Write("two/sub/a.txt", "a")
	w.Commit("one")
	base := sourcetest.Manifest(t, sourcetest.List(t, openCommit(w, Options{Dir: "one"}), nil))
	base.Assets[0].Path = "/sub/stale.txt"
	if got := sourcetest.Paths(sourcetest.List(t, openCommit(w, Options{Dir: "two"}), base)); got != "/sub/a.txt" {
		t.Error(got)
	}
}
