package daemon

import (
	"context"
	"time"
)

// poll fetches the branch and deploys its head if necessary.
func (w *siteWorker) poll(ctx context.Context, r request) {
	if w.pendingRetry.force {
		r.addPoll(w.pendingRetry.actor, true)
	}
	w.resolveRelease(ctx)
	head, err := w.fetch(ctx)
	if err != nil {
		w.pollFailed(ctx, r, err)
		return
	}
	w.pendingRetry = request{}
	if !w.shouldDeploy(head, r, time.Now()) {
		return
	}
	select {
	case w.d.deploySlots <- struct{}{}:
	default:
		w.setPhase(PhaseIdle, "") // other sites may take hours; this one is not stuck
		if !acquire(ctx, w.d.deploySlots) {
			return
		}
	}
	defer release(w.d.deploySlots)
	// The branch may have moved while this site waited for a slot.
	if more := w.takePoll(); more.poll {
		w.resolveRelease(ctx)
		if newer, err := w.fetch(ctx); err == nil {
			head = newer
		} else {
			w.requestPoll(more.actor, more.force)
		}
		if more.force || r.actor == "poll" {
			r.actor = more.actor
		}
	}
	w.deploy(ctx, head, r.actor)
}

// acquire takes a slot. It returns false if the context ends first.
func acquire(ctx context.Context, slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func release(slots chan struct{}) { <-slots }

// fetch updates the mirror and returns the branch's head.
func (w *siteWorker) fetch(ctx context.Context) (head string, err error) {
	if !acquire(ctx, w.d.fetchSlots) {
		return "", ctx.Err()
	}
	defer release(w.d.fetchSlots)
	w.setPhase(PhaseFetch, w.status().Problem)
	started := time.Now()
	at, err := w.mirror.Tip(ctx, w.site.Branch)
	if err == nil {
		head, err = w.mirror.Fetch(ctx, at)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	w.d.opt.Observer.Fetched(w.site.Name, time.Since(started), err)
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	moved := w.saved.Head != head || w.saved.Branch != at.Branch
	w.fetchFailures, w.fetched = 0, time.Now()
	w.mu.Unlock()
	if moved {
		w.log.Info("the branch has moved", "branch", at.Branch, "commit", head)
		w.tryChange(func(s *state) { s.Branch, s.Head = at.Branch, head })
	}
	return head, nil
}

// pollFailed records a failed poll, and keeps its request for the next one.
func (w *siteWorker) pollFailed(ctx context.Context, r request, err error) {
	if ctx.Err() != nil {
		return
	}
	w.pendingRetry = r
	w.mu.Lock()
	w.fetchFailures++
	same := w.problem == w.d.redact(err.Error())
	w.mu.Unlock()
	if !same { // one line in the log, however long the remote is down
		w.log.Warn("the branch could not be fetched", "error", err)
	}
	w.setPhase(PhaseRetry, err.Error())
}

// shouldDeploy reports whether to deploy the head now. If not, it sets the phase.
func (w *siteWorker) shouldDeploy(head string, r request, now time.Time) bool {
	s := w.state()
	switch {
	case r.force:
		return true
	case s.Settled.Commit == head && s.Settled.Config == w.fingerprint && s.Released.IsZero():
		w.setPhase(s.Settled.Phase, s.Problem)
		return false
	case s.Failed != "" && now.Before(s.Retry) && (s.Failed == head || s.Quota):
		w.setPhase(PhaseRetry, s.Problem)
		return false
	}
	return true
}
