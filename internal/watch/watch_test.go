package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

func TestWrites(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/a.html", "1")
		r.write("site/deep/down/b.html", "1")
		r.write("elsewhere/c.html", "1")
		r.over(nil, "site")
		r.still("nothing happened")
		r.write("site/a.html", "22")
		r.reported("site/a.html")
		r.write("site/deep/down/b.html", "22")
		r.reported("site/deep/down/b.html")
		r.write("site/new/folder/d.html", "1")
		r.reported("site/new/folder/d.html", "site/new")
		r.quiet()
		r.write("site/new/folder/d.html", "22")
		r.reported("site/new/folder/d.html")
		r.must(os.Remove(r.at("site/a.html")))
		r.reported("site/a.html")
		r.quiet()
		r.write("elsewhere/c.html", "22")
		r.still("only another folder changed")
	})
}

// vim and VS Code write another file and rename it into place.
func TestRenameSaves(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/a.html", "1")
		r.write("worker.ts", "1")
		r.over(nil, "site", "worker.ts")
		for i := range 3 {
			for _, name := range []string{"site/a.html", "worker.ts"} {
				r.write(name+".tmp", strings.Repeat("x", i+2))
				r.must(os.Rename(r.at(name+".tmp"), r.at(name)))
				r.reported(name)
				r.quiet()
			}
		}
	})
}

// A set of one file: its neighbours do not count, and it may come and go.
func TestSingleFiles(t *testing.T) {
	both(t, func(r *rig) {
		r.write("kv-sync.toml", "1")
		r.write("package.json", "1")
		r.over(nil, "kv-sync.toml", "missing/deep/worker.ts")
		r.write("package.json", "22")
		r.still("only a neighbour changed")
		r.must(os.Remove(r.at("kv-sync.toml")))
		r.reported("kv-sync.toml")
		r.quiet()
		r.write("kv-sync.toml", "333")
		r.reported("kv-sync.toml")
		r.quiet()
		r.must(os.MkdirAll(r.at("missing"), 0o755))
		r.quiet()
		r.write("missing/deep/worker.ts", "1")
		r.reported("missing/deep/worker.ts", "missing/deep")
		r.quiet()
		r.write("missing/deep/worker.ts", "22")
		r.reported("missing/deep/worker.ts")
		r.must(os.RemoveAll(r.at("missing")))
		r.reported("missing/deep/worker.ts", "missing", "missing/deep")
		r.quiet()
		r.write("missing/deep/worker.ts", "333")
		r.reported("missing/deep/worker.ts", "missing/deep", "missing")
	})
}

// A generator writes thousands of files: a reader that reads after each batch has seen all of
// them in the end.
func TestBurst(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/index.html", "1")
		r.over(nil, "site")
		const files = 2000
		written := make(chan struct{})
		go func() {
			defer close(written)
			for i := range files {
				name := r.at(fmt.Sprintf("site/d%d/f%d.html", i/50, i))
				_ = os.MkdirAll(filepath.Dir(name), 0o755)
				_ = os.WriteFile(name, []byte("1"), 0o644)
			}
			r.writeFence()
		}()
		batches, there := 0, 0
		for last := false; !last; {
			b, err := r.next()
			r.must(err)
			select {
			case <-written:
				// The fence has a name of its own only where there was not too much.
				last = slices.Contains(b.Paths, r.fence) || b.More
			default:
			}
			batches++
			found, err := filepath.Glob(r.at("site/d*/f*.html"))
			r.must(err)
			there = len(found)
		}
		if there != files {
			r.Errorf("when the last batch came %d of %d files were there", there, files)
		}
		r.Logf("%d batches", batches)
		r.quiet()
		r.write("site/d39/f1999.html", "22")
		r.reported("site/d39/f1999.html")
	})
}

// A burst is one batch, once it is over. An endless burst is a batch each Limit.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Options{NoEvents: true, Poll: 24 * time.Hour, Quiet: 20 * time.Millisecond, Limit: time.Second})
		defer w.Close()
		began := time.Now()
		go func() {
			for i := range 835 { // the last after 2,502 ms
				w.mu.Lock()
				w.note(fmt.Sprint(i))
				w.mu.Unlock()
				time.Sleep(3 * time.Millisecond)
			}
		}()
		for i, want := range []time.Duration{time.Second, 2002 * time.Millisecond, 2522 * time.Millisecond} {
			b, err := w.Next(t.Context())
			if took := time.Since(began); err != nil || took != want || len(b.Paths) == 0 {
				t.Errorf("batch %d of %d files came after %v, want %v: %v", i, len(b.Paths), took, want, err)
			}
		}
	})
}

// A writer that never stops does not delay the others.
func TestLimit(t *testing.T) {
	w := New(Options{Quiet: time.Hour, Limit: 100 * time.Millisecond})
	defer w.Close()
	dir := t.TempDir()
	w.Over(Set{Paths: []string{dir}}, time.Time{})
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	if b, err := w.Next(ctx); err != nil || time.Since(b.At) < 100*time.Millisecond {
		t.Errorf("%v after %v: %v", b, time.Since(b.At), err)
	}
}

// A build removes its output folder and makes it again, or moves another one into its place.
func TestRootComesBack(t *testing.T) {
	both(t, func(r *rig) {
		r.write("dist/index.html", "1")
		r.over(nil, "dist")
		for i := range 5 {
			r.must(os.RemoveAll(r.at("dist")))
			if i%2 == 0 {
				r.reported("dist/index.html", "dist")
				r.quiet()
			}
			r.write("dist/sub/index.html", "1")
			r.reported("dist/sub/index.html", "dist")
			r.quiet()
			r.write("dist/sub/index.html", strings.Repeat("2", i+2))
			r.reported("dist/sub/index.html")
		}
		r.write("next/sub/index.html", "other")
		r.must(os.Rename(r.at("dist"), r.at("old")))
		r.must(os.Rename(r.at("next"), r.at("dist")))
		r.reported("dist/sub/index.html", "dist")
		r.quiet()
		r.write("old/sub/index.html", "1")
		r.still("only the folder that was moved away changed")
		r.write("dist/sub/index.html", "1")
		r.reported("dist/sub/index.html")
	})
}

// A folder is moved within the tree: its files count under their new names.
func TestFolderMoves(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/a/x/page.html", "1")
		r.over(nil, "site")
		r.must(os.Rename(r.at("site/a"), r.at("site/b")))
		r.reported("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("site/b/x/page.html", "22")
		r.reported("site/b/x/page.html")
		r.must(os.Rename(r.at("site/b"), r.at("away")))
		r.reported("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("away/x/page.html", "333")
		r.still("only the folder that was moved away changed")
		r.must(os.Rename(r.at("away"), r.at("site/b")))
		r.reported("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("site/b/x/page.html", "4444")
		r.reported("site/b/x/page.html")
		for range 20 { // removed and back at once
			r.must(os.RemoveAll(r.at("site/b")))
			r.must(os.Mkdir(r.at("site/b"), 0o755))
		}
		r.quiet()
		r.write("site/b/again.html", "1")
		r.reported("site/b/again.html")
	})
}

func TestSkippedFolders(t *testing.T) {
	both(t, func(r *rig) {
		skip := func(dir string) bool { return filepath.Base(dir) == "node_modules" }
		r.write("site/index.html", "1")
		r.write("site/node_modules/x/y.js", "1")
		r.over(skip, "site")
		r.write("site/node_modules/x/y.js", "22")
		r.still("only a skipped folder changed")
		r.write("site/sub/node_modules/x.js", "1")
		r.quiet()
		r.write("site/sub/node_modules/x.js", "22")
		r.still("only a skipped folder changed")
		r.write("site/sub/index.html", "1")
		r.reported("site/sub/index.html")
	})
}

// The site is a symlink that is switched from release to release.
func TestSymlinks(t *testing.T) {
	both(t, func(r *rig) {
		r.write("releases/1/index.html", "1")
		r.write("releases/2/index.html", "1")
		r.must(os.Symlink("releases", r.at("all")))
		r.must(os.Symlink("all/1", r.at("current")))
		r.over(nil, "current")
		r.write("releases/1/index.html", "22")
		r.reported("releases/1/index.html")
		r.must(os.Symlink("all/2", r.at("next")))
		r.must(os.Rename(r.at("next"), r.at("current")))
		r.reported("current")
		r.quiet()
		r.write("releases/2/index.html", "22")
		r.reported("releases/2/index.html")
		r.write("releases/1/index.html", "333")
		r.still("only the release that is not meant any more changed")
	})
}

// A change after a file was read, and before it was watched, is reported.
func TestSince(t *testing.T) {
	both(t, func(r *rig) {
		r.write("old.ts", "1")
		r.write("site/old.html", "1")
		long := time.Now().Add(-time.Hour)
		r.must(os.Chtimes(r.at("old.ts"), long, long))
		r.must(os.Chtimes(r.at("site/old.html"), long, long))
		r.over(nil, "kv-sync.toml")
		began := time.Now()
		r.overSince(began, nil, "kv-sync.toml", "old.ts", "site")
		r.still("nothing changed since it was read")
		r.write("new.ts", "1")
		r.overSince(began, nil, "kv-sync.toml", "old.ts", "new.ts", "site")
		r.reported("new.ts")
		r.quiet()
		r.write("other/new.html", "1")
		r.overSince(began, nil, "other")
		r.reported("other/new.html")
	})
}

// The system's queue overflowed, so the event of a new folder is lost.
func TestOverflow(t *testing.T) {
	r := newRig(t, Options{})
	r.write("site/index.html", "1")
	r.over(nil, "site")
	r.w.mu.Lock()
	r.write("site/missed/page.html", "1") // its events wait behind the lock
	events := r.w.events
	r.w.mu.Unlock()
	events.Errors <- fsnotify.ErrEventOverflow
	for {
		b, err := r.next()
		if err != nil {
			t.Fatal("the batch does not say that anything may have changed")
		}
		if b.More {
			break
		}
	}
	r.quiet()
	r.write("site/missed/page.html", "22")
	r.reported("site/missed/page.html")
}

// The system allows no more watches: the files are polled from then on, and the error says what
// to do.
func TestNoMoreWatches(t *testing.T) {
	said := make(chan error, 2)
	r := newRig(t, Options{Poll: 20 * time.Millisecond, Polling: func(err error) { said <- err }})
	r.write("site/index.html", "1")
	r.over(nil, "site")
	r.w.mu.Lock()
	r.w.startPolling(syscall.ENOSPC)
	r.w.mu.Unlock()
	select {
	case err := <-said:
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "fs.inotify.max_user_watches") {
			t.Errorf("it was said: %v", err)
		}
	default:
		t.Error("nothing was said")
	}
	r.quiet()
	r.write("site/index.html", "22")
	r.reported("site/index.html")
	r.over(nil, "site", "worker.ts")
	r.write("worker.ts", "1")
	r.reported("worker.ts")
	if len(said) > 0 {
		t.Error("it was said more than once")
	}
}

func TestEnds(t *testing.T) {
	for _, polled := range []bool{false, true} {
		w := New(Options{NoEvents: polled})
		w.Over(Set{Paths: []string{t.TempDir()}}, time.Time{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Error(err)
		}
		if _, err := w.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		w.Over(Set{Paths: []string{t.TempDir()}}, time.Time{}) // it does nothing
	}
}
