package watch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// hangLimit is the time after which a test that hangs fails. A test that passes never waits so
// long.
const hangLimit = 2 * time.Minute

// rig is a test with a folder and a watcher.
type rig struct {
	*testing.T
	dir string
	w   *Watcher

	// fence is a watched file in another folder. The test writes it after other changes. When the
	// watcher reports the fence, it has reported these changes too.
	fence  string
	fences int // the number of writes of fence
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fenceDir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, dir: dir, w: New(o), fence: filepath.Join(fenceDir, "fence")}
	r.writeFence()
	t.Cleanup(func() {
		if err := r.w.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// withEventsAndPolling runs a test with the system's events, and again with polling.
func withEventsAndPolling(t *testing.T, test func(r *rig)) {
	t.Parallel()
	for name, polled := range map[string]bool{"events": false, "polled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newRig(t, Options{NoEvents: polled, Poll: 20 * time.Millisecond, Quiet: 10 * time.Millisecond}))
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

// watch sets the set of the watcher to the fence and the names.
func (r *rig) watch(skip func(string) bool, names ...string) {
	r.watchSince(time.Time{}, skip, names...)
}

func (r *rig) watchSince(since time.Time, skip func(string) bool, names ...string) {
	paths := []string{filepath.Dir(r.fence)}
	for _, name := range names {
		paths = append(paths, r.at(name))
	}
	r.w.Over(Set{Paths: paths, Skip: skip}, since)
}

// awaitReport waits until a batch has one of the paths.
func (r *rig) awaitReport(names ...string) {
	r.Helper()
	var seen []string
	for {
		b, err := r.next()
		if err != nil {
			r.Fatalf("none of %q was reported, but %q: %v", names, seen, err)
		}
		if b.More ||
			slices.ContainsFunc(names, func(name string) bool { return slices.Contains(b.Paths, r.at(name)) }) {
			return
		}
		seen = append(seen, b.Paths...)
	}
}

func (r *rig) next() (Batch, error) {
	ctx, cancel := context.WithTimeout(r.Context(), hangLimit)
	defer cancel()
	return r.w.Next(ctx)
}

// writeFence writes the fence with a new length, so that polling notices the change.
func (r *rig) writeFence() {
	r.Helper()
	r.fences++
	r.must(os.WriteFile(r.fence, make([]byte, r.fences), 0o600))
}

// drain receives the batches of all changes until now, and returns their paths. It writes the
// fence twice because of polling: one poll can read a file before its change and the fence after.
// The second write is reported only by a later poll, which sees the file's change.
func (r *rig) drain() (paths []string) {
	r.Helper()
	for range 2 {
		r.writeFence()
		for passed := false; !passed; {
			b, err := r.next()
			if err != nil {
				r.Fatalf("the fence was not reported, only %q: %v", paths, err)
			}
			if b.More { // the fence may be one of the paths that the batch does not name
				paths = append(paths, "more")
				r.writeFence()
			}
			for _, path := range b.Paths {
				if passed = passed || path == r.fence; path != r.fence {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}

// wantNoReport reports an error if the watcher reports a change. because says why it must not.
func (r *rig) wantNoReport(because string) {
	r.Helper()
	if paths := r.drain(); len(paths) > 0 {
		r.Errorf("%s, but %q was reported", because, paths)
	}
}
