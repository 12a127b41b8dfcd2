package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/options"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// runSucceeded records a run that made its commit live, or found it live.
func (w *siteWorker) runSucceeded(r Run, res *kvsync.Result) {
	r.Deployment, r.Outcome = res.Deployment, OutcomeNoChange
	if res.Switched {
		r.Outcome = OutcomeDeployed
	}
	if p := res.Plan; p != nil {
		r.Added, r.Changed, r.Removed = len(p.Added), len(p.Changed), len(p.Removed)
	}
	w.finishRun(r, func(s *state) {
		s.Live, s.Released = r.Commit, time.Time{}
		s.Settled = settled{r.Commit, PhaseIdle, w.fingerprint}
		s.Failed, s.Failures, s.Retry, s.Quota, s.Problem = "", 0, time.Time{}, false, ""
	})
	for _, n := range advice.Daemon.Problems(res.Notices) {
		w.log.Info("notice", "text", w.d.redact(n.String()))
	}
	w.setPhase(PhaseIdle, "")
}

// failure returns an error of the site as the daemon's users get it.
func (w *siteWorker) failure(err error) *app.Failure {
	flags := options.Values{options.Name: w.site.Name}
	if w.site.Project != "" {
		flags = options.Values{options.Project: w.site.Project}
	}
	of := app.Naming{Flags: flags.Typed(options.GroupSite)}
	return app.Explain(advice.Daemon, of.OfSite(err))
}

// runFailed records a run that failed, and decides whether its commit is tried again.
func (w *siteWorker) runFailed(ctx context.Context, r Run, err error) {
	f := w.failure(err)
	r.Problem = w.d.redact(explain(f))
	var (
		stopped *guard.Error
		built   *build.Error
	)
	errors.As(err, &stopped)
	switch {
	case errors.Is(err, errSuperseded):
		r.Outcome, r.Problem = OutcomeInterrupted, errSuperseded.Error()
		w.finishRun(r, nil)
	case ctx.Err() != nil || f.Kind == app.KindInterrupted:
		r.Outcome, r.Problem = OutcomeInterrupted, "the daemon was stopped"
		w.finishRun(r, nil)
		w.setPhase(PhaseIdle, "")
	case stopped != nil && stopped.Guard == guard.Held:
		w.settle(r, OutcomeHeld, PhaseHeld)
	case transient(stopped):
		w.retry(r, false)
	case f.Kind == app.KindUsage && !errors.As(err, &built) && w.discardDamagedMirror(ctx, r.Commit):
		w.retry(r, false)
	case f.Kind == app.KindRefused || f.Kind == app.KindGuard || f.Kind == app.KindUsage:
		w.settle(r, OutcomeRefused, PhaseRefused)
	case f.Kind == app.KindUnexpected:
		if w.state().Failures < 2 { // the check reads the whole mirror
			w.discardDamagedMirror(ctx, r.Commit)
		}
		w.retry(r, false)
	default:
		w.retry(r, f.Kind == app.KindQuota)
	}
}

// settle records a run after which the commit is not tried again without a request.
func (w *siteWorker) settle(r Run, o Outcome, p Phase) {
	r.Outcome = o
	w.finishRun(r, func(s *state) {
		s.Settled, s.Problem = settled{r.Commit, p, w.fingerprint}, r.Problem
		s.Failed, s.Failures, s.Retry, s.Quota, s.Released = "", 0, time.Time{}, false, time.Time{}
	})
	w.setPhase(p, r.Problem)
}

// transient reports whether a guard may accept the same commit later.
func transient(g *guard.Error) bool {
	if g == nil {
		return false
	}
	switch g.Guard {
	case guard.Overtaken, guard.Changed, guard.Clock, guard.Unread:
		return true
	}
	return false
}

// discardDamagedMirror removes the mirror if it is damaged, and reports whether it did. The
// error may have come from the mirror and not from the commit. It does this once for each
// commit: a mirror that is damaged again after another clone is not the cause.
func (w *siteWorker) discardDamagedMirror(ctx context.Context, commit string) bool {
	if w.recloned == commit {
		return false
	}
	why := w.mirror.Damage(ctx)
	if why == "" || ctx.Err() != nil {
		return false
	}
	w.recloned = commit
	w.log.Warn("the mirror is damaged; the repository will be cloned again", "because", why)
	if err := w.mirror.Discard(); err != nil {
		w.log.Error("the damaged mirror could not be removed", "error", err)
	}
	return true
}

// retry records a run that failed, and schedules another one.
func (w *siteWorker) retry(r Run, quota bool) {
	r.Outcome = OutcomeFailed
	failures := 1
	if s := w.state(); s.Failed == r.Commit || s.Quota {
		failures += s.Failures
	}
	wait := w.backoff(failures)
	if quota {
		now := time.Now().UTC()
		// Quotas renew at midnight UTC. Jitter spreads the sites.
		midnight := now.Truncate(24 * time.Hour).Add(24*time.Hour + 30*time.Second)
		wait = midnight.Sub(now) + time.Duration(rand.Int64N(int64(5*time.Minute)))
	}
	w.finishRun(r, func(s *state) { s.Failures = failures - 1 })
	w.scheduleRetry(r.Commit, r.Problem, wait, quota)
}

// scheduleRetry has a commit tried again after some time.
func (w *siteWorker) scheduleRetry(commit, problem string, wait time.Duration, quota bool) {
	w.tryChange(func(s *state) {
		s.Failed, s.Problem, s.Quota = commit, w.d.redact(problem), quota
		s.Failures++
		s.Retry, s.Settled = time.Now().Add(wait), settled{}
	})
	w.setPhase(PhaseRetry, problem)
}

// finishRun records the end of a run, and changes the rest of the state by f.
func (w *siteWorker) finishRun(r Run, f func(*state)) {
	w.tryChange(func(s *state) {
		s.Running = nil
		s.add(r)
		if f != nil {
			f(s)
		}
	})
	w.clearHistory()
	w.d.opt.Observer.Ran(w.site.Name, r)
	attrs := []any{"outcome", string(r.Outcome), "commit", r.Commit, "deployment", r.Deployment,
		"took", r.Duration.Round(time.Millisecond).String()}
	switch r.Outcome {
	case OutcomeDeployed, OutcomeNoChange, OutcomeRolledBack:
		w.log.Info("done", append(attrs, "added", r.Added, "changed", r.Changed, "removed", r.Removed)...)
	default:
		w.log.Warn("not done", append(attrs, "problem", r.Problem)...)
	}
}

// explain returns a failure's message and remedy.
func explain(f *app.Failure) string {
	var b strings.Builder
	b.WriteString(f.Message)
	fix := f.Fix
	if f.Kind == app.KindAPI || f.Kind == app.KindQuota || f.Kind == app.KindUnknown || f.Kind == app.KindUnexpected {
		fix = "" // the daemon tries again automatically
	}
	if fix != "" {
		b.WriteString("; " + fix)
	}
	const most = 20
	for i, p := range f.Problems {
		if i == most {
			fmt.Fprintf(&b, "\n  and %d more", len(f.Problems)-most)
			break
		}
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}
