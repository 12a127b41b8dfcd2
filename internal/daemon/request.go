package daemon

import (
	"context"
	"sync"
)

// request is the pending work of a site. Requests are merged and not queued: any number of
// pushes become one poll, which fetches the branch as it is at that time.
type request struct {
	poll bool
	// actor is who sent the request. In a merged request a person replaces a push, and a push
	// replaces a poll.
	actor string
	// force deploys the head also if it was refused, is held or has failed.
	force     bool
	rollbacks []*rollback
}

func (r *request) addPoll(actor string, force bool) {
	if !r.poll || force && !r.force || r.actor == "poll" {
		r.actor = actor
	}
	r.poll, r.force = true, r.force || force
}

// rollback is a request whose caller waits for the result.
type rollback struct {
	ctx       context.Context //nolint:containedctx // the caller's
	to, actor string
	done      chan error
}

// inbox holds the pending request of a site. Its methods are safe for concurrent use.
type inbox struct {
	mu      sync.Mutex
	pending request
	wake    chan struct{} // has a value when something was added
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// requestPoll adds a poll and returns at once.
func (b *inbox) requestPoll(actor string, force bool) {
	b.add(func(r *request) { r.addPoll(actor, force) })
}

// requestRollback adds a rollback and returns at once.
func (b *inbox) requestRollback(r *rollback) {
	b.add(func(all *request) { all.rollbacks = append(all.rollbacks, r) })
}

func (b *inbox) add(change func(*request)) {
	b.mu.Lock()
	change(&b.pending)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// take removes and returns the pending request.
func (b *inbox) take() request {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.pending
	b.pending = request{}
	return r
}

// takePoll is take for the poll only. Rollbacks stay pending.
func (b *inbox) takePoll() request {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.pending
	b.pending = request{rollbacks: r.rollbacks}
	return r
}
