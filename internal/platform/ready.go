package platform

import (
	"bytes"
	"cmp"
	"io"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// A switch to an uploaded version can use the process in which that version passed
// its start check. That process runs on for a while, so that a deploy, which is an
// upload and a switch, starts one process and not two.

// readyLimit is how long such a process waits for the switch, or for a visitor.
const readyLimit = 10 * time.Second

// ready holds at most one waiting process. Its zero value is empty.
type ready struct {
	limit time.Duration // 0: readyLimit

	mu      sync.Mutex
	waiting *waiting // or nil
	closed  bool
}

// waiting is a process that runs the plan with this key.
type waiting struct {
	key     string
	process *workerd.Process
	log     *startLog
}

// keep stores a waiting process, and ends the one before it.
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

// take removes and returns the waiting process of the plan with this key, or nil.
// Its output goes to log from then on.
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
	w.log.passTo(log)
	return w.process
}

// remove removes w and returns it. It returns nil if another process waits.
func (r *ready) remove(w *waiting) *waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting != w {
		return nil
	}
	r.waiting = nil
	return w
}

// close ends the waiting process. Processes that keep gets later end at once.
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

// startLog buffers the output of a process until passTo gives it a destination.
type startLog struct {
	mu   sync.Mutex
	kept bytes.Buffer
	to   io.Writer
}

// maxStartLog limits the memory for the output of one Worker.
const maxStartLog = 64 << 10

// Write implements [io.Writer].
func (l *startLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to != nil {
		_, _ = l.to.Write(p) // a failing log must not stop the Worker
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

// passTo writes the buffered and all further output to another writer.
func (l *startLog) passTo(to io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
	_, _ = to.Write(l.kept.Bytes())
	l.kept = bytes.Buffer{}
}
