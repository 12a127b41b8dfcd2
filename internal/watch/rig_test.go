package watch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// hangLimit bounds only a hang: no test's outcome depends on it.
const hangLimit = 2 * time.Minute

// rig is a watched folder. Each test runs with events and with polling.
type rig struct {
	*testing.T
	dir string
	w   *Watcher

	// fence is a file in a folder of its own, which is watched as well. Changes before its
	// write are reported before it, or with it.
	fence  string
	fences int // how often it was written
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	beside, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, dir: dir, w: New(o), fence: filepath.Join(beside, "fence")}
	r.writeFence()
	t.Cleanup(func() {
		if err := r.w.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func both(t *testing.T, test func(r *rig)) {
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

func (r *rig) over(skip func(string) bool, names ...string) {
	r.overSince(time.Time{}, skip, names...)
}

func (r *rig) overSince(since time.Time, skip func(string) bool, names ...string) {
	paths := []string{filepath.Dir(r.fence)}
	for _, name := range names {
		paths = append(paths, r.at(name))
	}
	r.w.Over(Set{Paths: paths, Skip: skip}, since)
}

// reported waits until a batch names one of the paths.
func (r *rig) reported(names ...string) {
	r.Helper()
	var seen []string
	for {
		b, err := r.next()
		if err != nil {
			r.Fatalf("of %q nothing was reported, only of %q: %v", names, seen, err)
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

// writeFence changes the fence's length, so that polling notices it too.
func (r *rig) writeFence() {
	r.Helper()
	r.fences++
	r.must(os.WriteFile(r.fence, make([]byte, r.fences), 0o600))
}

// quiet takes all batches until now, and returns their paths. The system reports in order, so
// one fence would do. Polling may pass a file before it changed, and the fence after: the next
// poll sees both.
func (r *rig) quiet() (paths []string) {
	r.Helper()
	for range 2 {
		r.writeFence()
		for passed := false; !passed; {
			b, err := r.next()
			if err != nil {
				r.Fatalf("the fence was not reported, only %q: %v", paths, err)
			}
			if b.More { // the fence may be among what has no name
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

// still is an error if anything is reported.
func (r *rig) still(because string) {
	r.Helper()
	if paths := r.quiet(); len(paths) > 0 {
		r.Errorf("%s, and yet %q was reported", because, paths)
	}
}
