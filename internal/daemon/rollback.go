package daemon

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// rollback makes an earlier deployment live again.
func (w *siteWorker) rollback(ctx context.Context, want *rollback) error {
	if err := want.ctx.Err(); err != nil {
		return err // the caller no longer waits
	}
	if !acquire(ctx, w.d.deploySlots) {
		return ErrStopped
	}
	defer release(w.d.deploySlots)
	r := Run{Actor: want.actor, Started: time.Now().UTC()}
	if err := w.beginRun(r); err != nil {
		return err
	}
	w.setPhase(PhaseRollback, "")
	w.log.Info("rolling back", "to", want.to, "actor", want.actor)
	res, err := w.withSite(ctx, w.deployedInputs(ctx, want.actor), func(site *app.Site) (*kvsync.Result, error) {
		return site.Rollback(ctx, kvsync.RollbackOptions{To: want.to})
	})
	r.Duration = time.Since(r.Started)
	if err != nil {
		return w.rollbackFailed(r, err)
	}
	r.Outcome, r.Deployment, r.Commit = OutcomeRolledBack, res.Deployment, res.Commit
	if !res.Switched {
		r.Outcome = OutcomeNoChange // the deployment was live already
	}
	if r.Commit != "" {
		r.Subject, r.Author = w.describe(ctx, r.Commit)
	}
	w.finishRun(r, func(s *state) {
		s.Live, s.Release, s.Released = res.Commit, false, time.Time{}
		if res.Switched && res.Hold != "" && res.Hold == s.Head {
			s.Settled = settled{s.Head, PhaseHeld, w.fingerprint}
			s.Failed, s.Failures, s.Retry, s.Quota = "", 0, time.Time{}, false
			s.Problem = "commit " + short(s.Head) + " is held back: " + want.actor + " rolled back from it; " +
				advice.Daemon.Remedy(guard.Held)
		}
	})
	w.restorePhase()
	return nil
}

func (w *siteWorker) rollbackFailed(r Run, err error) error {
	f := w.failure(err)
	r.Outcome, r.Problem = OutcomeFailed, w.d.redact(explain(f))
	switch f.Kind {
	case app.KindInterrupted:
		r.Outcome = OutcomeInterrupted
	case app.KindGuard, app.KindUsage, app.KindRefused:
		r.Outcome = OutcomeRefused
	}
	w.finishRun(r, nil)
	w.restorePhase()
	return w.explained(err)
}

// resolveRelease finds the rollback that a pending release refers to. It is called before
// any other work, so that a late release does not undo a later rollback. A release without
// a rollback has no effect.
func (w *siteWorker) resolveRelease(ctx context.Context) {
	if !w.state().Release {
		return
	}
	list, err := w.readHistory(ctx)
	if err != nil && app.Explain(advice.Daemon, err).Kind != app.KindUsage {
		w.log.Warn("the rollback to release is not known yet", "error", err)
		return
	}
	var at time.Time
	if len(list) > 0 && list[0].Hold != "" {
		at = list[0].Time
	}
	w.tryChange(func(s *state) { s.Release, s.Released = false, at })
}

// releaseGranted reports whether the live deployment is the rollback that was
// released.
func (w *siteWorker) releaseGranted(ctx context.Context, s state) (bool, error) {
	if s.Released.IsZero() {
		return false, nil
	}
	list, err := w.readHistory(ctx)
	if err != nil {
		return false, err
	}
	return len(list) > 0 && list[0].Time.Equal(s.Released), nil
}

// restorePhase sets the phase that follows from the state.
func (w *siteWorker) restorePhase() {
	s := w.state()
	switch {
	case s.Settled.Commit != "" && s.Settled.Commit == s.Head:
		w.setPhase(s.Settled.Phase, s.Problem)
	case s.Failed != "":
		w.setPhase(PhaseRetry, s.Problem)
	default:
		w.setPhase(PhaseIdle, "")
	}
}

func short(commit string) string { return commit[:min(12, len(commit))] }
