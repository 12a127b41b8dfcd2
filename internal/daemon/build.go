package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/build"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// errSuperseded cancels a build whose commit is no longer the branch's head.
var errSuperseded = errors.New("a newer commit was pushed while this one was being built")

// maxSuperseded is how many builds in a row may be cancelled for a newer commit, so
// that a site whose builds are slower than its pushes is still published.
const maxSuperseded = 2

// build checks the commit of a run out, builds it and deploys the result. It adds the
// run's warnings.
func (w *siteWorker) build(ctx context.Context, r *Run, opt plan.Options) (*kvsync.Result, error) {
	commit, tree := r.Commit, filepath.Join(w.dir, "tree")
	if err := w.measure(ctx, commit); err != nil {
		return nil, err
	}
	empty, err := w.mirror.Checkout(ctx, commit, tree)
	if err != nil {
		return nil, err
	}
	for _, submodule := range empty {
		submodule = w.d.redact(submodule)
		w.log.Warn("a submodule is empty in the build", "commit", commit, "submodule", submodule)
		r.Warnings = append(r.Warnings, "a submodule is empty in the build: "+submodule)
	}
	log, err := openBuildLog(filepath.Join(w.dir, "build.log"), w.d.redact)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	in, err := w.buildInputs(commit, tree, log)
	if err != nil {
		return nil, err
	}
	withIndex, err := w.runBuild(ctx, in, commit)
	if err == nil {
		if withIndex && w.site.Build.Line != "" {
			getenv := in.Getenv
			in.Getenv = func(name string) string { // the deploy builds the code after the upload
				if name == "KV_SYNC_BUILD" {
					return w.site.Build.Line
				}
				return getenv(name)
			}
		}
		w.setPhase(PhaseDeploy, "")
		var res *kvsync.Result
		res, err = w.withSite(ctx, in, func(site *app.Site) (*kvsync.Result, error) { return site.Deploy(ctx, opt) })
		if err == nil {
			return res, nil
		}
	}
	if failed := (*build.Error)(nil); errors.As(err, &failed) && ctx.Err() == nil {
		return nil, &app.UsageError{Err: fmt.Errorf("%w; fix it and push; the end of its output:\n%s", failed, log.tail())}
	}
	return nil, err
}

// measure refuses a commit whose checkout would fill the disk. A few kilobytes of trees that
// name each other can expand to billions of files.
func (w *siteWorker) measure(ctx context.Context, commit string) error {
	c, err := w.openCommit(ctx, commit)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Measure(ctx)
}

// buildInputs are the inputs of a build in a checkout, and of the deploy after it.
func (w *siteWorker) buildInputs(commit, tree string, log *buildLog) (app.Inputs, error) {
	in := w.inputs("")
	in.Root, in.Boundary, in.BuiltFrom = filepath.Join(tree, filepath.FromSlash(w.site.Root)), tree, commit
	in.Builds, in.BuildConfined, in.BuildOutput, in.BuildTimeout = true, true, log, time.Duration(w.site.BuildTimeout)
	home := filepath.Join(w.dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return in, fmt.Errorf("make a home for the build: %w", err)
	}
	in.BuildEnv, in.Secrets, in.AfterBuild = w.buildEnviron(home), w.d.secrets, w.mirror.Restore
	// Git may be running in another site's mirror. A program that a build names in
	// that mirror's configuration would run outside of the build.
	in.BuildGuarded, in.BuildWritable = w.d.cfg.State, []string{tree, home}
	in.Getenv = func(name string) string {
		if name == "GIT_WORK_TREE" {
			return tree
		}
		return w.getenv(name)
	}
	if err := inside(tree, in.Root); err != nil {
		return in, &app.UsageError{
			Err: fmt.Errorf("root %s: %w", w.site.Root, err),
			Fix: "set root in the daemon's configuration to a folder of the repository",
		}
	}
	return in, nil
}

// runBuild runs the build. In the layout kv-assets it does not, because the deploy
// runs it with the index; withIndex reports that.
func (w *siteWorker) runBuild(ctx context.Context, in app.Inputs, commit string) (withIndex bool, err error) {
	in.DeployedOnly = true // the files to publish do not exist yet
	site, err := app.Open(ctx, in)
	if err != nil {
		return false, err
	}
	defer site.Close()
	if site.Layout().Compiled {
		return true, nil
	}
	current, stop := w.whileNewest(ctx, commit)
	defer stop()
	err = site.Build(current, w.site.Build.Line)
	if cause := context.Cause(current); err != nil && errors.Is(cause, errSuperseded) {
		return false, cause
	}
	return false, err
}

// whileNewest returns a context that is cancelled when the branch moves to another
// commit. It asks the remote after each request for a poll.
func (w *siteWorker) whileNewest(ctx context.Context, commit string) (context.Context, func()) {
	current, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	if w.superseded < maxSuperseded {
		watch.Go(func() { w.cancelIfSuperseded(current, commit, cancel) })
	}
	return current, func() {
		cancel(nil)
		watch.Wait()
		if errors.Is(context.Cause(current), errSuperseded) {
			w.superseded++
		} else {
			w.superseded = 0
		}
	}
}

func (w *siteWorker) cancelIfSuperseded(ctx context.Context, commit string, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake: // the request stays pending
		}
		at, err := w.mirror.Tip(ctx, w.site.Branch)
		if err == nil && at.Commit != commit {
			w.requestPoll("push", false)
			cancel(errSuperseded)
			return
		}
	}
}

// alreadyLive returns the result of an earlier run that made the commit live, if that run was
// interrupted or its outcome was unknown. Builds are not reproducible, so the commit must not
// be built and deployed again.
func (w *siteWorker) alreadyLive(ctx context.Context, commit string, before state) (*kvsync.Result, error) {
	if before.Config != w.fingerprint || len(before.Runs) == 0 {
		return nil, nil
	}
	last := before.Runs[0]
	if last.Commit != commit || last.Outcome != OutcomeInterrupted && last.Outcome != OutcomeFailed {
		return nil, nil
	}
	list, err := w.readHistory(ctx)
	if err != nil || len(list) == 0 || list[0].Commit != commit || list[0].Rollback {
		return nil, err
	}
	return &kvsync.Result{Deployment: list[0].ID, Version: list[0].Version, Commit: commit}, nil
}

// notForBuilds are variables that a build does not get: those of the daemon's service, and
// those that lead to its user's home, keys and services.
var notForBuilds = []string{
	"HOME", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
	"XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "STATE_DIRECTORY", "CACHE_DIRECTORY",
	"CREDENTIALS_DIRECTORY",
}

// buildEnviron returns the daemon's environment without git's variables and with a
// home of the site's own, which the daemon's git does not read. Package build
// removes credentials.
func (w *siteWorker) buildEnviron(home string) []string {
	var out []string
	for _, pair := range w.d.opt.Environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GIT_") && !slices.Contains(notForBuilds, name) {
			out = append(out, pair)
		}
	}
	return append(out, "HOME="+home, "CI=true")
}

// inside returns an error if a folder does not exist or a symlink leads out of the
// work tree.
func inside(tree, dir string) error {
	top, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return errors.New("the commit has no such folder")
	}
	if rel, err := filepath.Rel(top, real); err != nil || !filepath.IsLocal(rel) {
		return errors.New("it leads out of the repository")
	}
	return nil
}
