package workers

import (
	"bytes"
	"cmp"
	"io"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// A deploy is an upload and a switch. The process in which an uploaded version passed its
// start check keeps running for a while, and the switch uses it. So a deploy starts one
// process and not two.

// readyLimit is how long such a process waits for the switch or for a request.
const readyLimit = 10 * time.Second

// ready holds at most one waiting process. Its zero value is empty.
type ready struct {
	limit time.Duration // 0 is readyLimit

	mu      sync.Mutex
	waiting *waiting // or nil
	closed  bool
}

// waiting is a running process that no site uses. key is that of its plan.
type waiting struct {
	key     string
	process *workerd.Process
	log     *startLog
}

// keep stores a waiting process. It ends the process that was stored before.
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

// take removes and returns the waiting process for a plan's key. It returns nil if there is
// none. From then on the output of the process is written to log.
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

// remove removes w and returns it. It returns nil if w is no longer stored.
func (r *ready) remove(w *waiting) *waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting != w {
		return nil
	}
	r.waiting = nil
	return w
}

// close ends the waiting process. A later call of keep ends its process at once.
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
