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
	withEventsAndPolling(t, func(r *rig) {
		r.write("site/a.html", "1")
		r.write("site/deep/down/b.html", "1")
		r.write("elsewhere/c.html", "1")
		r.watch(nil, "site")
		r.wantNoReport("no file changed")
		r.write("site/a.html", "22")
		r.awaitReport("site/a.html")
		r.write("site/deep/down/b.html", "22")
		r.awaitReport("site/deep/down/b.html")
		r.write("site/new/folder/d.html", "1")
		r.awaitReport("site/new/folder/d.html", "site/new")
		r.drain()
		r.write("site/new/folder/d.html", "22")
		r.awaitReport("site/new/folder/d.html")
		r.must(os.Remove(r.at("site/a.html")))
		r.awaitReport("site/a.html")
		r.drain()
		r.write("elsewhere/c.html", "22")
		r.wantNoReport("only another folder changed")
	})
}

// vim and VS Code save by writing another file and renaming it to the file's name.
func TestRenameSaves(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("site/a.html", "1")
		r.write("worker.ts", "1")
		r.watch(nil, "site", "worker.ts")
		for i := range 3 {
			for _, name := range []string{"site/a.html", "worker.ts"} {
				r.write(name+".tmp", strings.Repeat("x", i+2))
				r.must(os.Rename(r.at(name+".tmp"), r.at(name)))
				r.awaitReport(name)
				r.drain()
			}
		}
	})
}

// If the set has single files, changes of other files in their folders are not reported. The
// files may be removed and created again, also with their folders.
func TestSingleFiles(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("kv-sync.toml", "1")
		r.write("package.json", "1")
		r.watch(nil, "kv-sync.toml", "missing/deep/worker.ts")
		r.write("package.json", "22")
		r.wantNoReport("only another file in the folder changed")
		r.must(os.Remove(r.at("kv-sync.toml")))
		r.awaitReport("kv-sync.toml")
		r.drain()
		r.write("kv-sync.toml", "333")
		r.awaitReport("kv-sync.toml")
		r.drain()
		r.must(os.MkdirAll(r.at("missing"), 0o755))
		r.drain()
		r.write("missing/deep/worker.ts", "1")
		r.awaitReport("missing/deep/worker.ts", "missing/deep")
		r.drain()
		r.write("missing/deep/worker.ts", "22")
		r.awaitReport("missing/deep/worker.ts")
		r.must(os.RemoveAll(r.at("missing")))
		r.awaitReport("missing/deep/worker.ts", "missing", "missing/deep")
		r.drain()
		r.write("missing/deep/worker.ts", "333")
		r.awaitReport("missing/deep/worker.ts", "missing/deep", "missing")
	})
}

// A site generator writes 2,000 files. A reader that reads the files after each batch has seen all
// of them after the last batch.
func TestBurst(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("site/index.html", "1")
		r.watch(nil, "site")
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
		batches, existing := 0, 0
		for last := false; !last; {
			b, err := r.next()
			r.must(err)
			select {
			case <-written:
				// With More, the fence may be one of the paths that the batch does not name.
				last = slices.Contains(b.Paths, r.fence) || b.More
			default:
			}
			batches++
			found, err := filepath.Glob(r.at("site/d*/f*.html"))
			r.must(err)
			existing = len(found)
		}
		if existing != files {
			r.Errorf("after the last batch, %d of %d files existed", existing, files)
		}
		r.Logf("%d batches", batches)
		r.drain()
		r.write("site/d39/f1999.html", "22")
		r.awaitReport("site/d39/f1999.html")
	})
}

// Next returns a batch after the time Quiet without a change. While the changes go on, it returns
// a batch after each Limit.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Options{NoEvents: true, Poll: 24 * time.Hour, Quiet: 20 * time.Millisecond, Limit: time.Second})
		defer w.Close()
		began := time.Now()
		go func() {
			for i := range 835 { // the last change is after 2,502 ms
				w.mu.Lock()
				w.record(fmt.Sprint(i))
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

// Next returns after Limit, though Quiet is longer.
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

// A build removes its output folder and creates it again, or replaces it by another folder.
func TestReplacedFolder(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("dist/index.html", "1")
		r.watch(nil, "dist")
		for i := range 5 {
			r.must(os.RemoveAll(r.at("dist")))
			if i%2 == 0 {
				r.awaitReport("dist/index.html", "dist")
				r.drain()
			}
			r.write("dist/sub/index.html", "1")
			r.awaitReport("dist/sub/index.html", "dist")
			r.drain()
			r.write("dist/sub/index.html", strings.Repeat("2", i+2))
			r.awaitReport("dist/sub/index.html")
		}
		r.write("next/sub/index.html", "other")
		r.must(os.Rename(r.at("dist"), r.at("old")))
		r.must(os.Rename(r.at("next"), r.at("dist")))
		r.awaitReport("dist/sub/index.html", "dist")
		r.drain()
		r.write("old/sub/index.html", "1")
		r.wantNoReport("only the folder that was moved away changed")
		r.write("dist/sub/index.html", "1")
		r.awaitReport("dist/sub/index.html")
	})
}

// After a folder was moved within the tree, changes of its files are reported with the new names.
func TestMovedFolder(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("site/a/x/page.html", "1")
		r.watch(nil, "site")
		r.must(os.Rename(r.at("site/a"), r.at("site/b")))
		r.awaitReport("site/b", "site/b/x/page.html")
		r.drain()
		r.write("site/b/x/page.html", "22")
		r.awaitReport("site/b/x/page.html")
		r.must(os.Rename(r.at("site/b"), r.at("away")))
		r.awaitReport("site/b", "site/b/x/page.html")
		r.drain()
		r.write("away/x/page.html", "333")
		r.wantNoReport("only the folder that was moved away changed")
		r.must(os.Rename(r.at("away"), r.at("site/b")))
		r.awaitReport("site/b", "site/b/x/page.html")
		r.drain()
		r.write("site/b/x/page.html", "4444")
		r.awaitReport("site/b/x/page.html")
		for range 20 {
			r.must(os.RemoveAll(r.at("site/b")))
			r.must(os.Mkdir(r.at("site/b"), 0o755))
		}
		r.drain()
		r.write("site/b/again.html", "1")
		r.awaitReport("site/b/again.html")
	})
}

func TestSkippedFolders(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		skip := func(dir string) bool { return filepath.Base(dir) == "node_modules" }
		r.write("site/index.html", "1")
		r.write("site/node_modules/x/y.js", "1")
		r.watch(skip, "site")
		r.write("site/node_modules/x/y.js", "22")
		r.wantNoReport("only a skipped folder changed")
		r.write("site/sub/node_modules/x.js", "1")
		r.drain()
		r.write("site/sub/node_modules/x.js", "22")
		r.wantNoReport("only a skipped folder changed")
		r.write("site/sub/index.html", "1")
		r.awaitReport("site/sub/index.html")
	})
}

// The site's folder is a symlink to a release, and is changed to another release.
func TestSymlinks(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("releases/1/index.html", "1")
		r.write("releases/2/index.html", "1")
		r.must(os.Symlink("releases", r.at("all")))
		r.must(os.Symlink("all/1", r.at("current")))
		r.watch(nil, "current")
		r.write("releases/1/index.html", "22")
		r.awaitReport("releases/1/index.html")
		r.must(os.Symlink("all/2", r.at("next")))
		r.must(os.Rename(r.at("next"), r.at("current")))
		r.awaitReport("current")
		r.drain()
		r.write("releases/2/index.html", "22")
		r.awaitReport("releases/2/index.html")
		r.write("releases/1/index.html", "333")
		r.wantNoReport("only the previous release changed")
	})
}

// A change after the caller read a file, and before the watcher watched it, is reported.
func TestSince(t *testing.T) {
	withEventsAndPolling(t, func(r *rig) {
		r.write("old.ts", "1")
		r.write("site/old.html", "1")
		hourAgo := time.Now().Add(-time.Hour)
		r.must(os.Chtimes(r.at("old.ts"), hourAgo, hourAgo))
		r.must(os.Chtimes(r.at("site/old.html"), hourAgo, hourAgo))
		r.watch(nil, "kv-sync.toml")
		began := time.Now()
		r.watchSince(began, nil, "kv-sync.toml", "old.ts", "site")
		r.wantNoReport("no file changed after since")
		r.write("new.ts", "1")
		r.watchSince(began, nil, "kv-sync.toml", "old.ts", "new.ts", "site")
		r.awaitReport("new.ts")
		r.drain()
		r.write("other/new.html", "1")
		r.watchSince(began, nil, "other")
		r.awaitReport("other/new.html")
	})
}

// After an overflow of the system's queue, the watcher reports More and listens to new folders,
// though it got no event of them.
func TestOverflow(t *testing.T) {
	r := newRig(t, Options{})
	r.write("site/index.html", "1")
	r.watch(nil, "site")
	r.w.mu.Lock()
	r.write("site/missed/page.html", "1") // the watcher waits for mu before it handles the events
	events := r.w.events
	r.w.mu.Unlock()
	events.Errors <- fsnotify.ErrEventOverflow
	for {
		b, err := r.next()
		if err != nil {
			t.Fatal("no batch has More:", err)
		}
		if b.More {
			break
		}
	}
	r.drain()
	r.write("site/missed/page.html", "22")
	r.awaitReport("site/missed/page.html")
}

// If the system allows no further watches, the watcher polls, and the error has a fix.
func TestWatchLimit(t *testing.T) {
	polling := make(chan error, 2)
	r := newRig(t, Options{Poll: 20 * time.Millisecond, Polling: func(err error) { polling <- err }})
	r.write("site/index.html", "1")
	r.watch(nil, "site")
	r.w.mu.Lock()
	r.w.startPolling(syscall.ENOSPC)
	r.w.mu.Unlock()
	select {
	case err := <-polling:
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "fs.inotify.max_user_watches") {
			t.Errorf("Polling was called with: %v", err)
		}
	default:
		t.Error("Polling was not called")
	}
	r.drain()
	r.write("site/index.html", "22")
	r.awaitReport("site/index.html")
	r.watch(nil, "site", "worker.ts")
	r.write("worker.ts", "1")
	r.awaitReport("worker.ts")
	if len(polling) > 0 {
		t.Error("Polling was called more than once")
	}
}

func TestCancelAndClose(t *testing.T) {
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
		w.Over(Set{Paths: []string{t.TempDir()}}, time.Time{}) // does nothing after Close
	}
}
