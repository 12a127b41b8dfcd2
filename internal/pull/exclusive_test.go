package pull

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/overlay"
)

// killed is a [Source] that ends in the middle of a file, as if the process was killed.
type killed struct{}

func (killed) Copy(_ context.Context, _ *overlay.Entry, to io.Writer) error {
	_, _ = io.WriteString(to, "ne")
	panic(killed{})
}

// openTree opens a work tree for the time of the test.
func openTree(t *testing.T, dir string) *WorkTree {
	t.Helper()
	tree, err := OpenWorkTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// A pull that is killed in the middle of a file leaves an unfinished file. The next pull removes
// it, and a dry run removes nothing.
func TestRestOfAKilledPull(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sub", "page.html"), "old")
	before := snapshot(t, dir)
	entries := []overlay.Entry{newEntry("/sub/page.html", "new", "old")}
	func() {
		defer func() { _ = recover() }()
		_, _ = Pull(t.Context(), entries, killed{}, openTree(t, dir), options)
	}()
	if rest := snapshot(t, dir); rest == before || !strings.Contains(rest, "old") {
		t.Fatalf("after the kill the folder has %s", rest)
	}
	left := snapshot(t, dir)
	dry := options
	dry.DryRun = true
	if _, err := Pull(t.Context(), entries, nil, openTree(t, dir), dry); err != nil || snapshot(t, dir) != left {
		t.Errorf("a dry run: %v, and the folder has %s", err, snapshot(t, dir))
	}
	tree := openTree(t, dir)
	if _, _, err := tree.Find("/sub/page.html"); err != nil { // a look at what git ignores comes before the lock
		t.Fatal(err)
	}
	err := tree.Exclusive(t.Context(), func() error {
		_, err := Pull(t.Context(), entries, contentMap{"/sub/page.html": "new"}, tree, options)
		return err
	})
	if want := strings.Replace(before, "old", "new", 1); err != nil || snapshot(t, dir) != want {
		t.Errorf("the next pull: %v, and the folder has %s", err, snapshot(t, dir))
	}
}

// Two pulls into a folder do not run at once, so none removes what the other writes.
func TestExclusive(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file locks")
	}
	dir := t.TempDir()
	first, second := openTree(t, dir), openTree(t, dir)
	err := first.Exclusive(t.Context(), func() error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := second.Exclusive(ctx, func() error { t.Error("both run"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the second one: %v", err)
		}
		return nil
	})
	ran := false
	err = errors.Join(err, second.Exclusive(t.Context(), func() error { ran = true; return nil }))
	if err != nil || !ran {
		t.Errorf("one after the other: %t, %v", ran, err)
	}
	missing := openTree(t, filepath.Join(dir, "missing"))
	if err := missing.Exclusive(t.Context(), func() error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a folder that does not exist: %v", err)
	}
}
