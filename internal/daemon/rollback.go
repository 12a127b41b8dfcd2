package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// pastFor is how long an answer about deployments is kept.
const pastFor = 5 * time.Second

// deployedInputs are those of what reads no files: by the settings of the commit
// that is live, or of the branch's head.
func (l *lane) deployedInputs(ctx context.Context, actor string) app.Inputs {
	in, s := l.inputs(actor), l.state()
	in.DeployedOnly = true
	for _, commit := range []string{s.Live, s.Head} {
		if in.Commit == "" && commit != "" && l.mirror.has(ctx, commit) {
			in.Commit = commit
		}
	}
	return in
}

// deployments asks the account, unless it was asked just now.
func (l *lane) deployments(ctx context.Context) ([]kvsync.Deployment, error) {
	if !enter(ctx, l.asked) {
		return nil, ctx.Err()
	}
	defer leave(l.asked)
	l.mu.Lock()
	past, err, fresh := l.past, l.pastErr, time.Since(l.pastAt) < pastFor
	l.mu.Unlock()
	if fresh {
		return past, err
	}
	began := time.Now()
	past, err = l.history(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pastAt.Before(began) { // else something changed meanwhile
		l.past, l.pastErr, l.pastAt = past, err, time.Now()
	}
	return past, err
}

func (l *lane) history(ctx context.Context) ([]kvsync.Deployment, error) {
	site, err := app.Open(ctx, l.deployedInputs(ctx, ""))
	if err != nil {
		return nil, l.said(err)
	}
	defer site.Close()
	list, err := site.History(ctx)
	if guard := (*kvsync.GuardError)(nil); errors.As(err, &guard) && guard.Guard == kvsync.GuardTarget {
		return nil, nil // nothing was deployed yet
	}
	return list, l.said(err)
}

// said is an error as people are told it.
func (l *lane) said(err error) error {
	if err == nil {
		return nil
	}
	return &saidError{l.d.redact(explain(app.Explain(advice.Daemon, err))), err}
}

// saidError is an error with a text for people.
type saidError struct {
	text  string
	cause error
}

func (e *saidError) Error() string { return e.text }
func (e *saidError) Unwrap() error { return e.cause }

// forgetPast: something changed, so what was asked before is not so any more.
func (l *lane) forgetPast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.past, l.pastErr, l.pastAt = nil, nil, time.Now().Add(-pastFor)
}

// rollback makes an earlier deployment live again.
func (l *lane) rollback(ctx context.Context, want *rollback) error {
	if err := want.ctx.Err(); err != nil {
		return err // nobody waits for it any more
	}
	if !enter(ctx, l.d.deploys) {
		return ErrStopped
	}
	defer leave(l.d.deploys)
	r := Run{Actor: want.actor, Started: time.Now().UTC()}
	if err := l.begin(r); err != nil {
		return err
	}
	l.enter(PhaseRollback, "")
	l.log.Info("rolling back", "to", want.to, "actor", want.actor)
	res, err := l.with(ctx, l.deployedInputs(ctx, want.actor), func(site *app.Site) (*kvsync.Result, error) {
		return site.Rollback(ctx, kvsync.RollbackOptions{To: want.to})
	})
	r.Duration = time.Since(r.Started)
	if err != nil {
		f := app.Explain(advice.Daemon, err)
		r.Outcome, r.Problem = OutcomeFailed, l.d.redact(explain(f))
		switch f.Kind {
		case app.KindInterrupted:
			r.Outcome = OutcomeInterrupted
		case app.KindGuard, app.KindUsage, app.KindRefused:
			r.Outcome = OutcomeRefused
		}
		l.finish(r, nil)
		l.rested()
		return l.said(err)
	}
	r.Outcome, r.Deployment, r.Commit = OutcomeRolledBack, res.Deployment, res.Commit
	if !res.Switched {
		r.Outcome = OutcomeNoChange // it is live already
	}
	if r.Commit != "" {
		r.Subject, r.Author = l.describe(ctx, r.Commit)
	}
	l.finish(r, func(s *state) {
		s.Live, s.Release, s.Released = res.Commit, false, time.Time{}
		if res.Switched && res.Hold != "" && res.Hold == s.Head {
			s.Settled = settled{s.Head, PhaseHeld, l.fingerprint}
			s.Failed, s.Failures, s.Retry, s.Quota = "", 0, time.Time{}, false
			s.Problem = "commit " + short(s.Head) + " is held back: " + want.actor + " rolled back from it; " +
				advice.Daemon.Remedy(kvsync.GuardHeld)
		}
	})
	l.rested()
	return nil
}

// findReleased notes which rollback it is that somebody wants released, before
// anything else is tried: a wish that is granted late must not undo what somebody
// does meanwhile, and one for which there is no rollback is granted.
func (l *lane) findReleased(ctx context.Context) {
	if !l.state().Release {
		return
	}
	list, err := l.history(ctx)
	if err != nil && app.Explain(advice.Daemon, err).Kind != app.KindUsage {
		l.log.Warn("what is to be released is not known yet", "error", err)
		return
	}
	var at time.Time
	if len(list) > 0 && list[0].Hold != "" {
		at = list[0].Time
	}
	l.note(func(s *state) { s.Release, s.Released = false, at })
}

// released reports whether what holds the branch back now is what was released.
func (l *lane) released(ctx context.Context, s state) (bool, error) {
	if s.Released.IsZero() {
		return false, nil
	}
	list, err := l.history(ctx)
	if err != nil {
		return false, err
	}
	return len(list) > 0 && list[0].Time.Equal(s.Released), nil
}

// rested enters the phase that follows from what is remembered.
func (l *lane) rested() {
	s := l.state()
	switch {
	case s.Settled.Commit != "" && s.Settled.Commit == s.Head:
		l.enter(s.Settled.Phase, s.Problem)
	case s.Failed != "":
		l.enter(PhaseRetry, s.Problem)
	default:
		l.enter(PhaseIdle, "")
	}
}

func short(commit string) string { return commit[:min(12, len(commit))] }
