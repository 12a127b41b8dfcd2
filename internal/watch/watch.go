// Package watch reports when files change.
//
// A [Watcher] watches a [Set] of paths. The paths are files and folders, which need not exist. A
// folder is watched with all files below it. [Watcher.Next] waits for a change, and then until
// the files have not changed for a short time. So the writes of one save or one build come as one
// [Batch]. A batch is a hint that files may have changed. It does not describe the change. A
// caller that reads the files after each batch misses no change: a change after the read comes
// in another batch.
//
//	w := watch.New(watch.Options{})
//	defer w.Close()
//	w.Over(watch.Set{Paths: []string{"/site/public"}}, time.Time{})
//	for {
//		batch, err := w.Next(ctx)
//	}
//
// The watcher gets changes from the operating system (inotify, kqueue, ReadDirectoryChangesW). If
// the system cannot report them, the watcher polls the files.
package watch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options configure a [Watcher].
type Options struct {
	// Quiet is the time without a change after which Next returns. The default is 20 ms.
	Quiet time.Duration
	// Limit is the time after the first change after which Next returns in any case. The default
	// is 1 s.
	Limit time.Duration
	// Poll is the time between two polls. The default is 500 ms. It is longer if a poll takes
	// more than a tenth of it.
	Poll time.Duration
	// Polling, if not nil, is called once when the watcher begins to poll. The error has the
	// reason and a fix.
	Polling func(error)
	// NoEvents makes the watcher poll from the start.
	NoEvents bool
}

// Set is a set of watched paths.
type Set struct {
	// Paths are absolute paths of files and folders. Symlinks in the paths are watched too.
	Paths []string
	// Skip reports whether a folder below Paths is not watched. If it is nil, all are watched.
	Skip func(dir string) bool
}

// Batch are the changes that one call of Next returns.
type Batch struct {
	// Paths are the changed paths, sorted and without symlinks.
	Paths []string
	// More says that other paths may have changed too.
	More bool
	// At is the time of the first change.
	At time.Time
}

// maxNames is the largest number of paths in a batch.
const maxNames = 1000

// Watcher watches a set. Only one goroutine at a time may call Next. Any goroutine may call the
// other methods.
type Watcher struct {
	options Options
	signal  chan struct{} // has a value after a change
	closed  chan struct{}
	ended   sync.WaitGroup

	mu       sync.Mutex
	set      Set
	view     *view
	events   *fsnotify.Watcher // nil while polling
	stamps   map[string]stamp  // the stamps of the last poll
	quietFor time.Duration     // the time without a change after which take returns a batch
	changed  map[string]bool   // the paths of the next batch
	more     bool              // Batch.More of the next batch
	first    time.Time         // the time of the first change of the next batch, or zero
	last     time.Time         // the time of the last change of the next batch
}

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("the watcher is closed")

// New returns a watcher with an empty set. The caller closes it.
func New(o Options) *Watcher {
	if o.Quiet == 0 {
		o.Quiet = 20 * time.Millisecond
	}
	if o.Limit == 0 {
		o.Limit = time.Second
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	if o.Polling == nil {
		o.Polling = func(error) {}
	}
	w := &Watcher{
		options: o, signal: make(chan struct{}, 1), closed: make(chan struct{}),
		view: &view{}, quietFor: o.Quiet, changed: map[string]bool{},
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !o.NoEvents {
		events, err := fsnotify.NewWatcher()
		if err == nil {
			w.events = events
			w.ended.Go(func() { w.listen(events) })
			return w
		}
		w.options.Polling(explain(err))
	}
	w.poll()
	return w
}

// Over replaces the watched set. A file that is new in the set counts as changed if it was
// modified at since or later. A caller that has read the files already passes the time before it
// read them. Other callers pass the zero time: then no file counts as changed.
func (w *Watcher) Over(set Set, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isClosed() {
		return
	}
	set.Paths = slices.Clone(set.Paths)
	w.set = set
	w.refresh(since)
}

// Next waits for a change since its last call, and then for the end of Options.Quiet or
// Options.Limit. It returns the changes.
func (w *Watcher) Next(ctx context.Context) (Batch, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b, wait := w.take(time.Now())
		if !b.At.IsZero() {
			return b, nil
		}
		if wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-w.closed:
			return Batch{}, ErrClosed
		case <-w.signal:
		case <-timer.C:
		}
	}
}

// take returns the batch if it is complete. Otherwise it returns a Batch without a time At, and
// the time to wait. The time is 0 if there is no change yet.
func (w *Watcher) take(now time.Time) (Batch, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first.IsZero() {
		return Batch{}, 0
	}
	wait := min(w.last.Add(w.quietFor).Sub(now), w.first.Add(w.options.Limit).Sub(now))
	if wait > 0 {
		return Batch{}, wait
	}
	b := Batch{Paths: slices.Sorted(maps.Keys(w.changed)), More: w.more, At: w.first}
	clear(w.changed)
	w.more, w.first = false, time.Time{}
	return b, 0
}

// record adds a changed path to the next batch. "" means that any path may have changed. mu is
// held.
func (w *Watcher) record(path string) {
	w.last = time.Now()
	if w.first.IsZero() {
		w.first = w.last
	}
	switch {
	case path == "", len(w.changed) >= maxNames && !w.changed[path]:
		w.more = true
	default:
		w.changed[path] = true
	}
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// Close stops the watcher.
func (w *Watcher) Close() error {
	w.mu.Lock()
	if w.isClosed() {
		w.mu.Unlock()
		return nil
	}
	close(w.closed)
	events := w.events
	w.events = nil
	w.mu.Unlock()
	var err error
	if events != nil {
		err = events.Close()
	}
	w.ended.Wait()
	return err
}

func (w *Watcher) isClosed() bool {
	select {
	case <-w.closed:
		return true
	default:
		return false
	}
}
