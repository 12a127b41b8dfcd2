package cloudflare

import (
	"context"
	"sync"
	"time"
)

// Outage measures for how long the calls of a run have waited without an answer of the API. Work
// between the calls does not count. The accounts of one run share an Outage, so that the run ends in
// time, however many sites it is about. The zero value is ready.
type Outage struct {
	mu     sync.Mutex
	open   int           // calls that wait
	since  time.Time     // since when they wait, if there are any
	before time.Duration // what earlier calls waited
}

// begin counts a call that waits for its answer. The caller calls end after it.
func (o *Outage) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == 0 {
		o.since = time.Now()
	}
	o.open++
}

func (o *Outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open--; o.open == 0 {
		o.before += time.Since(o.since)
	}
}

// over records an answer, which ends the outage.
func (o *Outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.before = time.Now(), 0
}

func (o *Outage) length() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == 0 {
		return o.before
	}
	return o.before + time.Since(o.since)
}

// patience returns how long a call that began at a time may still wait. Without a deadline it ends
// when the outage is as long as Options.Timeout. A call with a deadline asks for the result of
// another one: it has its own time, at most Options.Timeout.
func (a *Account) patience(ctx context.Context, begun time.Time) time.Duration {
	left := a.timeout - a.outage.length()
	if at, ok := ctx.Deadline(); ok {
		left = max(left, min(time.Until(at), a.timeout-time.Since(begun)))
	}
	return left
}
