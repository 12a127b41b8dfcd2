package daemon

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// deploy makes a commit live, or records why it could not.
func (w *siteWorker) deploy(ctx context.Context, head, actor string) {
	before := w.state()
	r := Run{Commit: head, Actor: actor, Started: time.Now().UTC()}
	r.Subject, r.Author = w.describe(ctx, head)
	if err := w.beginRun(r); err != nil {
		// The result could not be recorded either, so nothing is deployed.
		w.scheduleRetry(head, err.Error(), w.backoff(before.Failures+1), false)
		return
	}
	phase := PhaseDeploy
	if w.site.Build.Allowed() {
		phase = PhaseBuild
	}
	w.setPhase(phase, "")
	w.log.Info("deploying", "commit", head, "actor", actor)
	res, err := w.publish(ctx, &r, before)
	r.Duration = time.Since(r.Started)
	if err == nil {
		w.runSucceeded(r, res)
	} else {
		w.runFailed(ctx, r, err)
	}
	if after := w.state(); after.Settled.Commit == head && ctx.Err() == nil {
		if err := w.mirror.Keep(ctx, after.commits()); err != nil && ctx.Err() == nil {
			w.log.Warn("the mirror could not be cleaned up", "error", err)
		}
	}
}

// beginRun records a run before it does anything.
func (w *siteWorker) beginRun(r Run) error {
	return w.change(func(s *state) { s.Running, s.Config = &r, w.fingerprint })
}

// describe returns a commit's subject and author, or "" if they cannot be read.
func (w *siteWorker) describe(ctx context.Context, commit string) (subject, author string) {
	c, err := w.openCommit(ctx, commit)
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

// openCommit opens a commit of the mirror.
func (w *siteWorker) openCommit(ctx context.Context, commit string) (*source.Commit, error) {
	return source.OpenCommit(ctx, source.Options{WorkDir: w.empty, Revision: commit, Getenv: w.getenv})
}

// inputs returns the inputs that all calls for the site share. Of the daemon's environment
// the site sees only the account's variables. The repository is the mirror.
func (w *siteWorker) inputs(actor string) app.Inputs {
	in := app.Inputs{
		Root: filepath.Join(w.empty, filepath.FromSlash(w.site.Root)), Directory: w.site.Dir, Project: w.site.Project,
		Token: w.site.Token.Reveal(), AccountID: w.site.AccountID, Actor: actor, Shared: w.d.shared, Boundary: w.empty,
		CacheDir: filepath.Join(w.d.cfg.State, "cache"), Getenv: w.getenv, Log: w.log,
	}
	if w.site.Project == "" {
		in.Name = w.site.Name
	}
	return in
}

// getenv is the environment that a site sees.
func (w *siteWorker) getenv(name string) string {
	switch name {
	case "GIT_DIR":
		return w.mirror.Dir()
	case "GIT_WORK_TREE":
		return w.empty
	case "KV_SYNC_MEMORY":
		return w.d.cfg.Memory
	case "KV_SYNC_NAMESPACE":
		return w.site.Namespace
	case "CLOUDFLARE_API_TOKEN", "CF_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CF_API_KEY", "CF_EMAIL",
		"CLOUDFLARE_ACCOUNT_ID", "CF_ACCOUNT_ID", "CLOUDFLARE_API_BASE_URL", "CF_API_BASE_URL":
		return w.d.env[name]
	}
	return ""
}

// publish deploys the commit of a run, or what is built from it. before is the state
// before the run began.
func (w *siteWorker) publish(ctx context.Context, r *Run, before state) (*kvsync.Result, error) {
	granted, err := w.releaseGranted(ctx, before)
	if err != nil {
		return nil, err
	}
	opt := plan.Options{Release: granted}
	if w.site.Build.Allowed() {
		if res, err := w.alreadyLive(ctx, r.Commit, before); res != nil || err != nil {
			return res, err
		}
		return w.build(ctx, r, opt)
	}
	in := w.inputs("")
	in.Commit = r.Commit
	return w.withSite(ctx, in, func(site *app.Site) (*kvsync.Result, error) {
		if site.Layout().Compiled {
			return nil, &app.UsageError{
				Err: errors.New(`the layout "kv-assets" builds the code with the index of its files, ` +
					`but the daemon's configuration allows no build for this site`),
				Fix: "allow it in the daemon's configuration: build = true",
			}
		}
		return site.Deploy(ctx, opt)
	})
}

// withSite opens the site for a function and closes it.
func (w *siteWorker) withSite(
	ctx context.Context, in app.Inputs, do func(*app.Site) (*kvsync.Result, error),
) (res *kvsync.Result, err error) {
	in.Actor = cmp.Or(in.Actor, w.actor())
	site, err := app.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	return do(site)
}

// actor returns who asked for the current run.
func (w *siteWorker) actor() string {
	if r := w.state().Running; r != nil {
		return r.Actor
	}
	return ""
}
