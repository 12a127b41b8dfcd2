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
func (i *inbox) requestPoll(actor string, force bool) {
	i.add(func(r *request) { r.addPoll(actor, force) })
}

// requestRollback adds a rollback and returns at once.
func (i *inbox) requestRollback(r *rollback) {
	i.add(func(all *request) { all.rollbacks = append(all.rollbacks, r) })
}

func (i *inbox) add(change func(*request)) {
	i.mu.Lock()
	change(&i.pending)
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// take removes and returns the pending request.
func (i *inbox) take() request {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.pending
	i.pending = request{}
	return r
}

// takePoll is take for the poll only. Rollbacks stay pending.
func (i *inbox) takePoll() request {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.pending
	i.pending = request{rollbacks: r.rollbacks}
	return r
}
