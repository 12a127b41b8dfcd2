// Package watch tells when files change, for as long as somebody works on them.
//
// A [Watcher] looks after a [Set] of paths: files, and folders with all that is
// below them, whether they are there or not. [Watcher.Next] waits for a change and
// then until it is quiet, so that what an editor or a build writes in one go comes
// as one [Batch]. A batch is a hint: that something may be different now, never what
// it is. What counts is that no change is missed: whoever looks at the files after
// Next has returned sees what the batch told of, or is told again.
//
// The system tells of changes (inotify, kqueue, ReadDirectoryChangesW). Where it
// cannot, the watcher looks at the files itself every now and then.
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

// Options say how a [Watcher] works. Zero values take the defaults.
type Options struct {
	// Quiet is how long nothing may have happened before Next returns (20 ms).
	Quiet time.Duration
	// Limit is how long Next waits for that at most, from the first change (1 s).
	Limit time.Duration
	// Poll is how often the files are looked at where the system does not tell
	// (500 ms); less often if that took more than a tenth of the time.
	Poll time.Duration
	// Polling, if set, is told once why the files are looked at in that way: the
	// error says what to do about it.
	Polling func(error)
	// NoEvents has the files looked at from the start.
	NoEvents bool
}

// Set is what is looked after.
type Set struct {
	// Paths are files and folders, absolute. Where symlinks lead there, these are
	// looked after too. A path that is not there is waited for.
	Paths []string
	// Skip reports the folders below Paths that do not matter; nil is none.
	Skip func(dir string) bool
}

// Batch is what changed between two times at which it was quiet.
type Batch struct {
	// Paths are where something happened, sorted, with symlinks resolved.
	Paths []string
	// More says that something happened elsewhere too: there was too much of it.
	More bool
	// At is when the first of it was noticed.
	At time.Time
}

// maxNames is how many paths a batch names.
const maxNames = 1000

// Watcher looks after a set. Next is called by one goroutine at a time; the other
// methods may be called by any.
type Watcher struct {
	options Options
	stir    chan struct{} // something happened; holds one
	closed  chan struct{}
	ended   sync.WaitGroup

	mu      sync.Mutex
	set     Set
	view    *view
	events  *fsnotify.Watcher // nil: the files are looked at
	stamps  map[string]stamp  // what was seen last, where they are
	calm    time.Duration     // how long is quiet
	changed map[string]bool
	more    bool
	first   time.Time // of what changed; zero: nothing did
	last    time.Time
}

// ErrClosed is returned by Next once the watcher was closed.
var ErrClosed = errors.New("the watcher is closed")

// New returns a watcher that looks after nothing yet. Close it when done.
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
		options: o, stir: make(chan struct{}, 1), closed: make(chan struct{}), view: &view{}, calm: o.Quiet, changed: map[string]bool{},
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

// Over has the watcher look after another set from now on. What came into it by
// this, and was changed at since or later, counts as changed: whoever read these
// files before they were looked after gives the time from before that. The zero time
// is for those that nobody has read.
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

// Next waits until something has changed since it was last called, and it is quiet
// or the limit is reached.
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
		case <-w.stir:
		case <-timer.C:
		}
	}
}

// take returns what has changed if it is time to, else how long to wait; 0 is until
// something does.
func (w *Watcher) take(now time.Time) (Batch, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first.IsZero() {
		return Batch{}, 0
	}
	wait := min(w.last.Add(w.calm).Sub(now), w.first.Add(w.options.Limit).Sub(now))
	if wait > 0 {
		return Batch{}, wait
	}
	b := Batch{Paths: slices.Sorted(maps.Keys(w.changed)), More: w.more, At: w.first}
	clear(w.changed)
	w.more, w.first = false, time.Time{}
	return b, 0
}

// note remembers that something happened at a path; "" is anywhere. mu is held.
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
	case w.stir <- struct{}{}:
	default:
	}
}

// Close ends the watcher.
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
