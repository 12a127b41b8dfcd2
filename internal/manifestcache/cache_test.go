package manifestcache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func refOf(b []byte) string { return manifest.Ref{Hash: manifest.HashOf(b)}.String() }

func TestCacheEvictsTheOldest(t *testing.T) {
	dir := t.TempDir()
	c := New(dir)
	first := []byte("first")
	c.Put(refOf(first), first)
	if got, ok := c.Get(refOf(first)); !ok || !bytes.Equal(got, first) {
		t.Fatalf("got %q, %v", got, ok)
	}
	if _, ok := c.Get(refOf([]byte("other"))); ok {
		t.Error("the cache returned a value that was never put")
	}
	home := filepath.Join(dir, "kv-sync", "manifests")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(home, refOf(first)), old, old); err != nil {
		t.Fatal(err)
	}
	for i := range maxCachedFiles + 2*evictEvery {
		b := fmt.Appendf(nil, "value %d", i)
		c.Put(refOf(b), b)
	}
	entries, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > maxCachedFiles+evictEvery {
		t.Errorf("%d files are kept, the bound is %d", len(entries), maxCachedFiles)
	}
	if _, ok := c.Get(refOf(first)); ok {
		t.Error("the oldest is still there")
	}
}

// The cache ignores names that are no references, because they become file names.
func TestCacheNamesStayInside(t *testing.T) {
	dir := t.TempDir()
	c := New(filepath.Join(dir, "cache"))
	for _, name := range []string{"../escape", "", ".", "/etc/passwd", refOf(nil) + "/x"} {
		c.Put(name, []byte("x"))
		if _, ok := c.Get(name); ok {
			t.Errorf("%q was kept", name)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("the cache wrote %v", entries)
	}
}

func TestNoCacheFolderIsNoCache(t *testing.T) {
	if c := New(""); c != nil {
		t.Errorf("got %v", c)
	}
}
