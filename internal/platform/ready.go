package platform

import (
	"bytes"
	"cmp"
	"io"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// The process in which an uploaded version passed its start check is what a switch
// to that version needs. It is kept for a while, so that a deploy, which is an upload
// and a switch, starts one process and not two.

// readyLimit is how long such a process waits for the switch, or for a visitor,
// unless ready says otherwise.
const readyLimit = 10 * time.Second

// ready holds the one process that waits; its zero value is empty.
type ready struct {
	limit time.Duration // 0: readyLimit

	mu      sync.Mutex
	waiting *waiting // nil: none
	closed  bool
}

// waiting is a process that was started by the plan of this key.
type waiting struct {
	key     string
	process *workerd.Process
	said    *startLog
}

// keep has a process wait, in place of whichever waited.
func (r *ready) keep(w *waiting) {
	r.mu.Lock()
	before := r.waiting
	r.waiting = w
	if r.closed {
		r.waiting, before = nil, w
	}
	r.mu.Unlock()
	before.stop()
	time.AfterFunc(cmp.Or(r.limit, readyLimit), func() { r.remove(w).stop() })
}

// take returns the process that waits for a plan of this key, or nil. What it
// prints goes to log from then on.
func (r *ready) take(key string, log io.Writer) *workerd.Process {
	r.mu.Lock()
	w := r.waiting
	r.mu.Unlock()
	if w == nil || w.key != key || r.remove(w) == nil {
		return nil
	}
	select {
	case <-w.process.Done():
		w.stop()
		return nil
	default:
	}
	w.said.passTo(log)
	return w.process
}

// remove empties r if w waits in it still, and returns w then, else nil.
func (r *ready) remove(w *waiting) *waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting != w {
		return nil
	}
	r.waiting = nil
	return w
}

// close ends the process that waits, and those that would.
func (r *ready) close() {
	r.mu.Lock()
	before := r.waiting
	r.waiting, r.closed = nil, true
	r.mu.Unlock()
	before.stop()
}

func (w *waiting) stop() {
	if w != nil {
		w.process.Stop()
	}
}

// startLog keeps what a process prints until somebody wants it passed on.
type startLog struct {
	mu   sync.Mutex
	kept bytes.Buffer
	to   io.Writer
}

// maxStartLog bounds what a Worker that prints without end can make us keep.
const maxStartLog = 64 << 10

// Write implements [io.Writer].
func (l *startLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil {
		_, _ = l.to.Write(p) // a log that cannot be written must not stop the Worker
	} else {
		l.kept.Write(p[:min(len(p), maxStartLog-l.kept.Len())])
	}
	return len(p), nil
}

func (l *startLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.String()
}

// passTo passes on what was kept, and what comes.
func (l *startLog) passTo(to io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
	_, _ = to.Write(l.kept.Bytes())
	l.kept = bytes.Buffer{}
}
