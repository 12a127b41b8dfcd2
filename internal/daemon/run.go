package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/build"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// deploy makes a commit live, or notes why not.
func (l *lane) deploy(ctx context.Context, head, actor string) {
	before := l.state()
	r := Run{Commit: head, Actor: actor, Started: time.Now().UTC()}
	r.Subject, r.Author = l.describe(ctx, head)
	if err := l.begin(r); err != nil {
		// What it came to could not be noted either: it is tried when the disk is mended.
		l.failed(head, err.Error(), l.backoff(before.Failures+1), false)
		return
	}
	phase := PhaseDeploy
	if l.site.Build.Allowed() {
		phase = PhaseBuild
	}
	l.enter(phase, "")
	l.log.Info("deploying", "commit", head, "actor", actor)
	res, err := l.publish(ctx, head, before)
	r.Duration = time.Since(r.Started)
	if err == nil {
		l.deployed(r, res)
	} else {
		l.stopped(ctx, r, err)
	}
	if l.state().Settled.Commit == head && ctx.Err() == nil {
		after := l.state()
		if err := l.mirror.keep(ctx, after.commits()); err != nil && ctx.Err() == nil {
			l.log.Warn("the mirror was not tidied up", "error", err)
		}
	}
}

// begin notes a run before anything of it is done.
func (l *lane) begin(r Run) error {
	return l.change(func(s *state) { s.Running, s.Config = &r, l.fingerprint })
}

// describe reads what a commit says of itself; what it does not say is "".
func (l *lane) describe(ctx context.Context, commit string) (subject, author string) {
	c, err := source.OpenCommit(ctx, source.Options{WorkDir: l.empty, Revision: commit, Getenv: l.getenv})
	if err != nil {
		return "", ""
	}
	defer c.Close()
	o, err := c.Origin(ctx)
	if err != nil {
		return "", ""
	}
	return o.Subject, o.Author
}

// deployed notes a run that ended well.
func (l *lane) deployed(r Run, res *kvsync.Result) {
	r.Deployment, r.Outcome = res.Deployment, OutcomeNoChange
	if res.Switched {
		r.Outcome = OutcomeDeployed
	}
	if p := res.Plan; p != nil {
		r.Added, r.Changed, r.Removed = len(p.Added), len(p.Changed), len(p.Removed)
	}
	l.finish(r, func(s *state) {
		s.Live, s.Released = r.Commit, time.Time{}
		s.Settled = settled{r.Commit, PhaseIdle, l.fingerprint}
		s.Failed, s.Failures, s.Retry, s.Quota, s.Problem = "", 0, time.Time{}, false, ""
	})
	for _, n := range advice.Daemon.Problems(res.Notices) {
		l.log.Info("notice", "text", l.d.redact(n.String()))
	}
	l.enter(PhaseIdle, "")
}

// stopped notes a run that did not end well, and decides what becomes of the
// commit.
func (l *lane) stopped(ctx context.Context, r Run, err error) {
	f := app.Explain(advice.Daemon, err)
	r.Problem = l.d.redact(explain(f))
	var (
		guard *kvsync.GuardError
		built *build.Error
	)
	errors.As(err, &guard)
	settle := func(o Outcome, p Phase) {
		r.Outcome = o
		l.finish(r, func(s *state) {
			s.Settled, s.Problem = settled{r.Commit, p, l.fingerprint}, r.Problem
			s.Failed, s.Failures, s.Retry, s.Quota, s.Released = "", 0, time.Time{}, false, time.Time{}
		})
		l.enter(p, r.Problem)
	}
	switch {
	case errors.Is(err, errOvertaken):
		r.Outcome, r.Problem = OutcomeInterrupted, errOvertaken.Error()
		l.finish(r, nil)
	case ctx.Err() != nil || f.Kind == app.KindInterrupted:
		r.Outcome, r.Problem = OutcomeInterrupted, "the daemon was stopped"
		l.finish(r, nil)
		l.enter(PhaseIdle, "")
	case guard != nil && guard.Guard == kvsync.GuardHeld:
		settle(OutcomeHeld, PhaseHeld)
	case passes(guard):
		l.retry(r, false)
	case f.Kind == app.KindUsage && !errors.As(err, &built) && l.mend(ctx):
		l.retry(r, false)
	case f.Kind == app.KindRefused || f.Kind == app.KindGuard || f.Kind == app.KindUsage:
		settle(OutcomeRefused, PhaseRefused)
	case f.Kind == app.KindUnexpected:
		if l.state().Failures < 2 { // it reads all of the mirror
			l.mend(ctx)
		}
		l.retry(r, false)
	default:
		l.retry(r, f.Kind == app.KindQuota)
	}
}

// passes reports whether what a guard stopped may be well the next time, though
// the commit is the same.
func passes(g *kvsync.GuardError) bool {
	if g == nil {
		return false
	}
	switch g.Guard {
	case kvsync.GuardOvertaken, kvsync.GuardChanged, kvsync.GuardClock, kvsync.GuardUnread:
		return true
	}
	return false
}

// mend throws the mirror away if it is damaged, and reports whether it was: the
// error that made somebody look may have been its, and not the commit's.
func (l *lane) mend(ctx context.Context) bool {
	why := l.mirror.damage(ctx)
	if why == "" || ctx.Err() != nil {
		return false
	}
	l.log.Warn("the mirror is damaged, so the repository is cloned anew", "because", why)
	if err := l.mirror.discard(); err != nil {
		l.log.Error("the damaged mirror is still there", "error", err)
	}
	return true
}

// retry notes a run that failed and is to be tried again.
func (l *lane) retry(r Run, quota bool) {
	r.Outcome = OutcomeFailed
	failures := 1
	if s := l.state(); s.Failed == r.Commit || s.Quota {
		failures += s.Failures
	}
	wait := l.backoff(failures)
	if quota {
		now := time.Now().UTC()
		// Quotas are of a day that begins at midnight UTC; not all at once then.
		wait = now.Truncate(24*time.Hour).Add(24*time.Hour+30*time.Second).Sub(now) + time.Duration(rand.Int64N(int64(5*time.Minute)))
	}
	l.finish(r, func(s *state) { s.Failures = failures - 1 })
	l.failed(r.Commit, r.Problem, wait, quota)
}

// failed has a commit tried again after some time.
func (l *lane) failed(commit, problem string, wait time.Duration, quota bool) {
	l.note(func(s *state) {
		s.Failed, s.Problem, s.Quota = commit, l.d.redact(problem), quota
		s.Failures++
		s.Retry, s.Settled = time.Now().Add(wait), settled{}
	})
	l.enter(PhaseRetry, problem)
}

// finish notes a run that is over, and what follows from it.
func (l *lane) finish(r Run, f func(*state)) {
	l.note(func(s *state) {
		s.Running = nil
		s.add(r)
		if f != nil {
			f(s)
		}
	})
	l.forgetPast()
	l.d.opt.Observer.Ran(l.site.Name, r)
	attrs := []any{"outcome", string(r.Outcome), "commit", r.Commit, "deployment", r.Deployment, "took", r.Duration.Round(time.Millisecond).String()}
	switch r.Outcome {
	case OutcomeDeployed, OutcomeNoChange, OutcomeRolledBack:
		l.log.Info("done", append(attrs, "added", r.Added, "changed", r.Changed, "removed", r.Removed)...)
	default:
		l.log.Warn("not done", append(attrs, "problem", r.Problem)...)
	}
}

// explain says what happened, what to do, and which files are at fault.
func explain(f *app.Failure) string {
	var b strings.Builder
	b.WriteString(f.Message)
	if f.Fix != "" {
		b.WriteString("; " + f.Fix)
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

// inputs are what every call about the site begins with. Of the daemon's
// environment only what reaches the account counts, and of git's the mirror.
func (l *lane) inputs(actor string) app.Inputs {
	in := app.Inputs{
		Root: filepath.Join(l.empty, filepath.FromSlash(l.site.Root)), Directory: l.site.Dir, Project: l.site.Project,
		Token: l.site.Token.Reveal(), AccountID: l.site.AccountID, Actor: actor, Shared: l.d.shared, Boundary: l.empty,
		CacheDir: filepath.Join(l.d.cfg.State, "cache"), Getenv: l.getenv, Log: l.log,
	}
	if l.site.Project == "" {
		in.Name = l.site.Name
	}
	return in
}

// getenv is the environment of a site.
func (l *lane) getenv(name string) string {
	switch name {
	case "GIT_DIR":
		return l.mirror.dir
	case "GIT_WORK_TREE":
		return l.empty
	case "KV_SYNC_MEMORY":
		return l.d.cfg.Memory
	case "KV_SYNC_NAMESPACE":
		return l.site.Namespace
	case "CLOUDFLARE_API_TOKEN", "CF_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CF_API_KEY", "CF_EMAIL",
		"CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL":
		return l.d.env[name]
	}
	return ""
}

// publish deploys a commit: itself, or what is built from it. before is what was
// remembered before the run began.
func (l *lane) publish(ctx context.Context, commit string, before state) (*kvsync.Result, error) {
	release, err := l.released(ctx, before)
	if err != nil {
		return nil, err
	}
	opt := kvsync.Options{Release: release}
	if l.site.Build.Allowed() {
		if res, err := l.done(ctx, commit, before); res != nil || err != nil {
			return res, err
		}
		return l.build(ctx, commit, opt)
	}
	in := l.inputs("")
	in.Commit = commit
	return l.with(ctx, in, func(site *app.Site) (*kvsync.Result, error) {
		if site.Layout().Compiled {
			return nil, &app.UsageError{Err: errors.New(`in the layout "kv-assets" the code is built with the index of its files, and the daemon may build nothing for this site`),
				Fix: "allow it in the daemon's configuration: build = true"}
		}
		return site.Deploy(ctx, opt)
	})
}

// with opens the site, does something, and closes it.
func (l *lane) with(ctx context.Context, in app.Inputs, do func(*app.Site) (*kvsync.Result, error)) (res *kvsync.Result, err error) {
	in.Actor = cmp.Or(in.Actor, l.actor())
	site, err := app.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	return do(site)
}

// actor is who asked for the run under way.
func (l *lane) actor() string {
	if r := l.state().Running; r != nil {
		return r.Actor
	}
	return ""
}
