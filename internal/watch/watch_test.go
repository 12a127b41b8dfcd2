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
	"time"

	"github.com/fsnotify/fsnotify"
)

// rig is a folder that is watched. Each test runs by what the system tells and by
// looking at the files.
type rig struct {
	*testing.T
	dir  string
	w    *Watcher
	rest time.Duration // longer than it takes to be told
}

func both(t *testing.T, test func(r *rig)) {
	t.Parallel()
	for name, polled := range map[string]bool{"told": false, "polled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			r := &rig{t, dir, New(Options{NoEvents: polled, Poll: 20 * time.Millisecond, Quiet: 10 * time.Millisecond}), 100 * time.Millisecond}
			if polled {
				r.rest *= 2
			}
			t.Cleanup(func() {
				if err := r.w.Close(); err != nil {
					t.Error(err)
				}
			})
			test(r)
		})
	}
}

func (r *rig) at(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func (r *rig) write(name, text string) {
	r.Helper()
	if err := os.MkdirAll(filepath.Dir(r.at(name)), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(r.at(name), []byte(text), 0o644); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) over(skip func(string) bool, names ...string) {
	var paths []string
	for _, name := range names {
		paths = append(paths, r.at(name))
	}
	r.w.Over(Set{Paths: paths, Skip: skip}, time.Time{})
}

// told waits until a batch tells of one of the paths, whatever else it tells.
func (r *rig) told(names ...string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	var seen []string
	for {
		b, err := r.w.Next(ctx)
		if err != nil {
			r.Fatalf("of %q nothing was told, only of %q: %v", names, seen, err)
		}
		if b.More || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(b.Paths, r.at(name)) }) {
			return
		}
		seen = append(seen, b.Paths...)
	}
}

// quiet waits until nothing is told any more.
func (r *rig) quiet() {
	r.Helper()
	for {
		if _, err := r.next(r.rest); err != nil {
			return
		}
	}
}

func (r *rig) next(within time.Duration) (Batch, error) {
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	return r.w.Next(ctx)
}

// still is an error if anything is told.
func (r *rig) still(because string) {
	r.Helper()
	if b, err := r.next(r.rest); err == nil {
		r.Errorf("%s, and yet %q was told", because, b.Paths)
	}
}

func TestWrites(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/a.html", "1")
		r.write("site/deep/down/b.html", "1")
		r.write("elsewhere/c.html", "1")
		r.over(nil, "site")
		r.still("nothing happened")
		r.write("site/a.html", "22")
		r.told("site/a.html")
		r.write("site/deep/down/b.html", "22")
		r.told("site/deep/down/b.html")
		r.write("site/new/folder/d.html", "1")
		r.told("site/new/folder/d.html", "site/new")
		r.quiet()
		r.write("site/new/folder/d.html", "22")
		r.told("site/new/folder/d.html")
		r.must(os.Remove(r.at("site/a.html")))
		r.told("site/a.html")
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
				r.told(name)
				r.quiet()
			}
		}
	})
}

// A file that is named alone: its neighbours do not count, and it may go and come.
func TestSingleFiles(t *testing.T) {
	both(t, func(r *rig) {
		r.write("kv-sync.toml", "1")
		r.write("package.json", "1")
		r.over(nil, "kv-sync.toml", "missing/deep/worker.ts")
		r.write("package.json", "22")
		r.still("only a neighbour changed")
		r.must(os.Remove(r.at("kv-sync.toml")))
		r.told("kv-sync.toml")
		r.quiet()
		r.write("kv-sync.toml", "333")
		r.told("kv-sync.toml")
		r.quiet()
		r.must(os.MkdirAll(r.at("missing"), 0o755))
		r.quiet()
		r.write("missing/deep/worker.ts", "1")
		r.told("missing/deep/worker.ts", "missing/deep")
		r.quiet()
		r.write("missing/deep/worker.ts", "22")
		r.told("missing/deep/worker.ts")
		r.must(os.RemoveAll(r.at("missing")))
		r.told("missing/deep/worker.ts", "missing", "missing/deep")
		r.quiet()
		r.write("missing/deep/worker.ts", "333")
		r.told("missing/deep/worker.ts", "missing/deep", "missing")
	})
}

// A generator writes thousands of files: few batches, and when the last has come all
// is there.
func TestBurst(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/index.html", "1")
		r.over(nil, "site")
		const files = 2000
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range files {
				name := r.at(fmt.Sprintf("site/d%d/f%d.html", i/50, i))
				_ = os.MkdirAll(filepath.Dir(name), 0o755)
				_ = os.WriteFile(name, []byte("1"), 0o644)
			}
		}()
		batches, there := 0, 0
		for {
			_, err := r.next(2 * time.Second)
			if err != nil {
				break
			}
			batches++
			found, err := filepath.Glob(r.at("site/d*/f*.html"))
			r.must(err)
			there = len(found)
		}
		<-done
		if there != files {
			r.Errorf("when the last batch came %d of %d files were there", there, files)
		}
		if batches > 50 {
			r.Errorf("%d batches for one burst", batches)
		}
		r.write("site/d39/f1999.html", "22")
		r.told("site/d39/f1999.html")
	})
}

// A writer that never rests does not keep the others waiting.
func TestLimit(t *testing.T) {
	w := New(Options{Quiet: time.Hour, Limit: 100 * time.Millisecond})
	defer w.Close()
	dir := t.TempDir()
	w.Over(Set{Paths: []string{dir}}, time.Time{})
	if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if b, err := w.Next(ctx); err != nil || time.Since(b.At) < 100*time.Millisecond {
		t.Errorf("%v after %v: %v", b, time.Since(b.At), err)
	}
}

// A build removes its output folder and makes it anew, or moves another into place.
func TestRootComesBack(t *testing.T) {
	both(t, func(r *rig) {
		r.write("dist/index.html", "1")
		r.over(nil, "dist")
		for i := range 5 {
			r.must(os.RemoveAll(r.at("dist")))
			if i%2 == 0 {
				r.told("dist/index.html", "dist")
				r.quiet()
			}
			r.write("dist/sub/index.html", "1")
			r.told("dist/sub/index.html", "dist")
			r.quiet()
			r.write("dist/sub/index.html", strings.Repeat("2", i+2))
			r.told("dist/sub/index.html")
		}
		r.write("next/sub/index.html", "other")
		r.must(os.Rename(r.at("dist"), r.at("old")))
		r.must(os.Rename(r.at("next"), r.at("dist")))
		r.told("dist/sub/index.html", "dist")
		r.quiet()
		r.write("old/sub/index.html", "1")
		r.still("only the folder that was moved away changed")
		r.write("dist/sub/index.html", "1")
		r.told("dist/sub/index.html")
	})
}

// A folder is moved within the tree: what is in it counts under its new name.
func TestFolderMoves(t *testing.T) {
	both(t, func(r *rig) {
		r.write("site/a/x/page.html", "1")
		r.over(nil, "site")
		r.must(os.Rename(r.at("site/a"), r.at("site/b")))
		r.told("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("site/b/x/page.html", "22")
		r.told("site/b/x/page.html")
		r.must(os.Rename(r.at("site/b"), r.at("away")))
		r.told("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("away/x/page.html", "333")
		r.still("only the folder that was moved away changed")
		r.must(os.Rename(r.at("away"), r.at("site/b")))
		r.told("site/b", "site/b/x/page.html")
		r.quiet()
		r.write("site/b/x/page.html", "4444")
		r.told("site/b/x/page.html")
		for range 20 { // removed and back at once
			r.must(os.RemoveAll(r.at("site/b")))
			r.must(os.Mkdir(r.at("site/b"), 0o755))
		}
		r.quiet()
		r.write("site/b/again.html", "1")
		r.told("site/b/again.html")
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
		r.told("site/sub/index.html")
	})
}

// The site is a symlink, as of releases that take each other's place.
func TestSymlinks(t *testing.T) {
	both(t, func(r *rig) {
		r.write("releases/1/index.html", "1")
		r.write("releases/2/index.html", "1")
		r.must(os.Symlink("releases", r.at("all")))
		r.must(os.Symlink("all/1", r.at("current")))
		r.over(nil, "current")
		r.write("releases/1/index.html", "22")
		r.told("releases/1/index.html")
		r.must(os.Symlink("all/2", r.at("next")))
		r.must(os.Rename(r.at("next"), r.at("current")))
		r.told("current")
		r.quiet()
		r.write("releases/2/index.html", "22")
		r.told("releases/2/index.html")
		r.write("releases/1/index.html", "333")
		r.still("only the release that is not meant any more changed")
	})
}

// What was changed after it was read, and before it was looked after, is told.
func TestSince(t *testing.T) {
	both(t, func(r *rig) {
		r.write("old.ts", "1")
		r.write("site/old.html", "1")
		long := time.Now().Add(-time.Hour)
		r.must(os.Chtimes(r.at("old.ts"), long, long))
		r.must(os.Chtimes(r.at("site/old.html"), long, long))
		r.over(nil, "kv-sync.toml")
		began := time.Now()
		r.w.Over(Set{Paths: []string{r.at("kv-sync.toml"), r.at("old.ts"), r.at("site")}}, began)
		r.still("nothing changed since it was read")
		r.write("new.ts", "1")
		r.w.Over(Set{Paths: []string{r.at("kv-sync.toml"), r.at("old.ts"), r.at("new.ts"), r.at("site")}}, began)
		r.told("new.ts")
		r.quiet()
		r.write("other/new.html", "1")
		r.w.Over(Set{Paths: []string{r.at("other")}}, began)
		r.told("other/new.html")
	})
}

// The system's queue ran over: nobody told of a folder that came meanwhile.
func TestOverflow(t *testing.T) {
	dir := t.TempDir()
	r := &rig{T: t, dir: dir, w: New(Options{}), rest: 200 * time.Millisecond}
	defer r.w.Close()
	r.write("site/index.html", "1")
	r.over(nil, "site")
	r.w.mu.Lock()
	r.write("site/missed/page.html", "1") // its events wait behind the lock
	events := r.w.events
	r.w.mu.Unlock()
	events.Errors <- fsnotify.ErrEventOverflow
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		b, err := r.w.Next(ctx)
		if err != nil {
			t.Fatal("the batch does not say that anything may have changed")
		}
		if b.More {
			break
		}
	}
	r.quiet()
	r.write("site/missed/page.html", "22")
	r.told("site/missed/page.html")
}

// The system has no room for more watches: the files are looked at from then on, and
// the error says what to do.
func TestNoMoreWatches(t *testing.T) {
	dir := t.TempDir()
	said := make(chan error, 2)
	r := &rig{T: t, dir: dir, w: New(Options{Poll: 20 * time.Millisecond, Polling: func(err error) { said <- err }}), rest: 200 * time.Millisecond}
	defer r.w.Close()
	r.write("site/index.html", "1")
	r.over(nil, "site")
	r.w.mu.Lock()
	r.w.fallBack(syscall.ENOSPC)
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
	r.told("site/index.html")
	r.over(nil, "site", "worker.ts")
	r.write("worker.ts", "1")
	r.told("worker.ts")
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
