package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Scenario is a run of kv-sync into which faults are injected.
type Scenario struct {
	Name string
	// Actor is the process' name.
	Actor string
	// Before makes the account as it is before the run.
	Before func(*World)
	Run    func(context.Context, *Process) error
	// Once is set if a repetition after a success has another effect, such as a second rollback.
	Once bool
	// Yields is set if the run may end because another one pruned meanwhile, or a minute ago.
	Yields bool
	// Skips begins the names of faults against which docs/safety.md promises nothing, or is "".
	Skips string
	// Rewrites is set if the run writes a key several times. A late write would replace a newer one.
	Rewrites bool
	// After says what is wrong after the run has succeeded, or "".
	After func(*World) string
	// Claims says what is wrong with a run that says that it succeeded. If it is nil, it is After.
	Claims func(*World) string
	// Heavy is set if a run takes so much time that the recovery of a twentieth is killed at most.
	Heavy bool
	// Sparse is set if a slice of all injections has each tenth of its own only.
	Sparse bool

	before *Snapshot
}

// World returns the account as it is before the run. It must be called in a bubble of
// testing/synctest. Before is called the first time only.
func (s *Scenario) World() *World {
	if s.before == nil {
		w := NewWorld(1)
		s.Before(w)
		s.before = w.Snapshot()
		w.Close()
	}
	return s.before.World(2)
}

const blog = "blog"

// grace is the grace period of all sites.
const grace = 24 * time.Hour

// settingsOf are those of a site in all scenarios, or of "project/" and a project's id.
func settingsOf(name string) site.Config {
	if id, ok := strings.CutPrefix(name, "project/"); ok {
		c := site.Config{Project: id, Retain: 3, Grace: grace}
		if name == plain {
			c.Layout = pathname.Layout.Name
		}
		return c
	}
	c := site.Config{Site: name, Retain: 3, Grace: grace}
	switch name {
	case rusty:
		c.Layout = kvassets.Layout.Name
	case vast:
		c.WholeEntries = mostWhole
	case wiki:
		c.Serving.Overlay, c.Rights.Write = true, true
	}
	return c
}

// workerOf is the code of a site or of a project.
func workerOf(name string) cloud.Worker {
	switch name {
	case rusty:
		return compiled
	case plain:
		return cloud.Worker{}
	case wiki:
		return overlaid("one")
	}
	return worker
}

func deploy(c *source.Commit, opt plan.Options) func(context.Context, *Process) error {
	return deployTo(blog, c, opt)
}

func deployTo(name string, c *source.Commit, opt plan.Options) func(context.Context, *Process) error {
	return deployOf(name, source.Of(c), workerOf(name), opt)
}

// deployOf deploys a source with the code of a Worker.
func deployOf(name string, src manifest.Source, code cloud.Worker,
	opt plan.Options) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		res, err := p.Engine(settingsOf(name)).Deploy(ctx, src, code, opt)
		if err != nil {
			return err
		}
		return p.claims(name, res)
	}
}

// claims checks that what a run says that is live is live, in the moment in which it says so.
func (p *Process) claims(name string, res *kvsync.Result) error {
	if p.isDead() || name == plain { // which has no deployments
		return nil
	}
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Check.WasLive(name, res.Deployment) {
		return nil
	}
	return fmt.Errorf("it says that deployment %q is live, which never was", res.Deployment)
}

func rollback(opt kvsync.RollbackOptions) func(context.Context, *Process) error {
	return rollbackOf(blog, opt)
}

func rollbackOf(name string, opt kvsync.RollbackOptions) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		res, err := p.Engine(settingsOf(name)).Rollback(ctx, opt)
		if err != nil {
			return err
		}
		return p.keeps(name, res)
	}
}

// keeps checks that a rollback that does not say otherwise has recorded what it holds back. Of a
// project its message has it.
func (p *Process) keeps(name string, res *kvsync.Result) error {
	if strings.HasPrefix(name, "project/") {
		return p.claims(name, res)
	}
	said := slices.ContainsFunc(res.Notices, func(n manifest.Problem) bool {
		return n.Finding != nil && n.Finding.Case == finding.CaseHoldUnkept
	})
	w := p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	prefix := name + "/h/" + res.Deployment + "."
	if name == rusty {
		prefix = ".kv-sync/" + prefix
	}
	records := w.Cloud.Namespaces()[0].KeysAt(prefix, time.Now())
	if p.dead || !res.Switched || said || len(records) > 0 {
		return nil
	}
	return errors.New("it says nothing, and there is no record of what it holds back")
}

func prune(ctx context.Context, p *Process) error { return pruneOf(blog)(ctx, p) }

func pruneOf(name string) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		_, err := p.Engine(settingsOf(name)).Prune(ctx, layout.PruneOptions{})
		return err
	}
}

func verify(ctx context.Context, p *Process) error { return verifyOf(blog)(ctx, p) }

// verifyOf reads all that is retained of a site. It fails if something is missing.
func verifyOf(name string) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		found, err := p.Engine(settingsOf(name)).Verify(ctx, true)
		if err == nil && !found.Whole() {
			err = fmt.Errorf("it says that something is missing: %+v", found.Deployments)
		}
		return err
	}
}

func upload(c *source.Commit) func(context.Context, *Process) error { return uploadOf(blog, c) }

func uploadOf(name string, c *source.Commit) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		_, err := p.Engine(settingsOf(name)).UploadAhead(ctx, source.Of(c), worker, plan.Options{})
		return err
	}
}

// pages makes a site's files. Those of each edition differ in the index.
func pages(edition int, more ...string) source.Files {
	f := source.Files{"/index.html": fmt.Sprint("edition ", edition), "/about.html": "about", "/style.css": "body {}"}
	for _, name := range more {
		f[name] = "this is " + name
	}
	return f
}

// many are more files than a deploy writes beside its manifest, so that they are worth an
// upload ahead.
func many(edition int) source.Files {
	f := pages(edition)
	for i := range 12 {
		f[fmt.Sprintf("/page-%02d.html", i)] = fmt.Sprint("page ", i, " of edition ", edition)
	}
	return f
}

// deployed has the commits deployed one after the other, an hour apart.
func deployed(commits ...*source.Commit) func(*World) { return deployedTo(blog, commits...) }

func deployedTo(name string, commits ...*source.Commit) func(*World) {
	return func(w *World) {
		for _, c := range commits {
			w.Must(name+"/deploy before", "ci", deployTo(name, c, plan.Options{}))
			w.Pass(time.Hour)
		}
	}
}

// Pass lets time pass, and has done what is late.
func (w *World) Pass(d time.Duration) {
	w.Do("time/passes", "ci", func(context.Context, *Process) error { time.Sleep(d); return nil })
}

// wants is what must be live: a commit with its files.
func wants(c *source.Commit) func(*World) string { return wantsAt(blog, c) }

func wantsAt(name string, c *source.Commit) func(*World) string {
	return func(w *World) string {
		live := w.Check.Live(name)
		if live.Commit != c.ID {
			return fmt.Sprintf("commit %.12s is live, want %.12s", live.Commit, c.ID)
		}
		return c.Differs(live)
	}
}

// unknown reports whether a run says that it does not know what it has done.
func unknown(err error) bool { return errors.Is(err, cloud.ErrUnknown) }
