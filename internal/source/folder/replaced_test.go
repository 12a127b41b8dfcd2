package folder

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Open never opens a folder outside of the boundary, even if a symlink replaces the folder between
// the check and the opening.
func TestFolderReplacedWhileItIsOpened(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t)
	w.Write("secret/key.txt", "secret").Write("top/site/a.txt", "a")
	inside, err := boundary.New(w.Path("top"))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for at, aside, link := w.Path("top/site"), w.Path("top/aside"), w.Path("top/link"); ; {
			select {
			case <-stop:
				return
			default:
				_ = os.Symlink("../secret", link)
				_, _ = os.Rename(at, aside), os.Rename(link, at)
				_, _ = os.Rename(at, link), os.Rename(aside, at)
			}
		}
	}()
	for range 4_000 {
		f, err := Open(Options{Path: w.Path("top/site"), Boundary: inside})
		if err != nil {
			continue
		}
		if _, err := f.root.Stat("key.txt"); err == nil {
			t.Error("a folder outside of the boundary was opened")
		}
		_ = f.Close()
	}
	close(stop)
	<-done
}

// A directory is not walked if a symlink to .git replaces it after it was listed (promise 13).
func TestDirectorySwappedForGit(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("sub/a.txt", "a")
	f := openTest(t, w, Options{})
	walk := &folderWalk{Folder: f, Listing: rules.NewListing(), scopesOf: map[string]scopes{}, group: &errgroup.Group{}}
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	w.Remove("sub")
	w.Symlink(".git", "sub")
	for _, e := range entries {
		if e.Name() != "sub" {
			continue
		}
		in := &inDirectory{root: f.root}
		if err := walk.entry(t.Context(), in, e); !errors.Is(err, manifest.ErrChanged) {
			t.Error(err)
		}
	}
	if err := walk.group.Wait(); err != nil || len(walk.found) > 0 {
		t.Errorf("%d files, %v", len(walk.found), err)
	}
}
