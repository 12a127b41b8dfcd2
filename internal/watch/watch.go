// Package watch reports when files change.
//
// A [Watcher] watches a [Set] of paths: files, and folders with all that is below them, whether
// they exist or not. [Watcher.Next] waits for a change and then until the files are quiet, so
// that what an editor or a build writes in one go comes as one [Batch]. A batch is a hint that
// something may have changed, not a description of the change. No change is missed: a caller
// that reads the files after Next has returned sees the changes of the batch, or gets another
// one.
//
//	w := watch.New(watch.Options{})
//	defer w.Close()
//	w.Over(watch.Set{Paths: []string{"/site/public"}}, time.Time{})
//	for {
//		batch, err := w.Next(ctx)
//	}
//
// The system reports changes (inotify, kqueue, ReadDirectoryChangesW). If it cannot, the
// watcher polls the files.
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

// Options configure a [Watcher]. Zero values take the defaults.
type Options struct {
	// Quiet is how long no file must have changed before Next returns (20 ms).
	Quiet time.Duration
	// Limit is how long Next waits for that at most, from the first change (1 s).
	Limit time.Duration
	// Poll is how often the files are polled if the system does not report changes (500 ms). It
	// is less often if polling takes more than a tenth of the time.
	Poll time.Duration
	// Polling, if set, is called once with the reason for polling; the error says what to do
	// about it.
	Polling func(error)
	// NoEvents polls from the start.
	NoEvents bool
}

// Set is what is watched.
type Set struct {
	// Paths are files and folders, absolute. Symlinks on the way are watched too. A path that
	// does not exist is waited for.
	Paths []string
	// Skip reports folders below Paths that do not matter; nil is none.
	Skip func(dir string) bool
}

// Batch is what changed between two quiet moments.
type Batch struct {
	// Paths are where something happened, sorted, without symlinks.
	Paths []string
	// More says that there were too many changes to name them all.
	More bool
	// At is when the first change was noticed.
	At time.Time
}

// maxNames is how many paths a batch names.
const maxNames = 1000

// Watcher watches a set. Next is called by one goroutine at a time; the other methods may be
// called by any.
type Watcher struct {
	options Options
	signal  chan struct{} // signals a change; holds one
	closed  chan struct{}
	ended   sync.WaitGroup

	mu       sync.Mutex
	set      Set
	view     *view
	events   *fsnotify.Watcher // nil while polling
	stamps   map[string]stamp  // seen at the last poll
	quietFor time.Duration     // how long the files must be quiet
	changed  map[string]bool
	more     bool
	first    time.Time // of the changes; zero if there are none
	last     time.Time
}

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("the watcher is closed")

// New returns a watcher with an empty set. Close it when done.
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

// Over watches another set from now on. A path that is new in the set and was changed at since
// or later counts as changed: a caller that has read these files before gives the time before
// that. The zero time is for files that nobody has read.
func (w *Watcher) Over(set Set, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isClosed() {
		return
	}
	set.Paths = slices.Clone(set.Paths)
	w.set = set
	w.survey(since)
}

// Next waits until something has changed since its last call, and the files are quiet or the
// limit is reached.
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

// take returns what has changed if it is time to, else how long to wait; 0 is until the next
// change.
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

// note records that something happened at a path; "" is anywhere. mu is held.
func (w *Watcher) note(path string) {
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
