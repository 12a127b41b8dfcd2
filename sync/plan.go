package kvsync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// draft is a plan with the state that its execution needs. The upload completes it: it
// computes the hashes that the source left out. A [plan.Plan] that was shown is a copy and
// does not change.
type draft struct {
	plan.Plan
	namespace string                    // "" if it does not exist yet
	manifest  *manifest.Manifest        // complete except for the hashes that the upload computes
	uploads   []manifest.File           // one for each new content
	pulled    map[string]manifest.Nonce // the run-time writes that the source contains
	replaced  []manifest.Asset          // chunked live assets that changed or were removed
	worker    cloud.Worker
	hash      string // of the worker
	companion *companionUpload
	edits     overlay.Edits
	oldest    time.Time // of the blobs that were uploaded ahead; zero without any
}

// shown is a copy of the plan in its present state.
func (p *draft) shown() *plan.Plan {
	plan := p.Plan
	return &plan
}

// Plan returns what Deploy would do, and refuses what Deploy would refuse.
func (e *Engine) Plan(ctx context.Context, src manifest.Source, w cloud.Worker, opt plan.Options) (*plan.Plan, error) {
	l, err := e.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	p, err := e.plan(ctx, l, e.newRun(src, w, opt))
	if err != nil {
		return nil, err
	}
	return p.base().shown(), nil
}

// run is one invocation: what it deploys, and what it keeps for the next plan if it has
// to plan again: its nonce, and the blobs that are confirmed.
type run struct {
	src    manifest.Source
	worker cloud.Worker
	opt    plan.Options

	started   time.Time
	namespace string // of the confirmed blobs, "" if not known yet
	keys      manifest.Keys
	nonce     manifest.Nonce
	confirmed map[manifest.Content]manifest.Ref
	// ignoreReceipt: the blobs that were uploaded ahead are too old.
	ignoreReceipt bool
}

func (e *Engine) newRun(src manifest.Source, w cloud.Worker, opt plan.Options) *run {
	now := e.Time()
	return &run{src: src, worker: w, opt: opt, started: now, nonce: manifest.NewNonce(now),
		confirmed: make(map[manifest.Content]manifest.Ref)}
}

// foreignWorker refuses to replace what another tool deployed.
func foreignWorker(site string) *guard.Error {
	return guard.Stop(guard.Foreign, finding.CaseForeign, finding.Facts{Site: site})
}

// plan checks the guards that all layouts share, and has the layout compare the source
// with what is live.
func (e *Engine) plan(ctx context.Context, l *version.Live, r *run) (planned, error) {
	if l.Foreign && !r.opt.TakesOver(l) {
		return nil, foreignWorker(e.Site)
	}
	if _, ages := e.layout.(keeper); ages { // else no key is deleted for its age
		if err := e.CheckClock(e.GraceOver(l)); err != nil {
			return nil, err
		}
	}
	origin, err := r.src.Origin(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.checkName(ctx, l); err != nil {
		return nil, err
	}
	if err := e.checkRepository(l, origin, r.opt); err != nil {
		return nil, err
	}
	d := &draft{Plan: plan.Plan{Site: e.Site, Origin: origin, First: !l.Exists()}}
	if l.Meta != nil {
		d.Live = l.Meta.Deployment
	}
	return e.layout.plan(ctx, l, d, r)
}

// markUnchanged makes the plan one without a change. It reports whether nothing is left
// to do: whether the live version was activated for this commit, or no commit is known.
// A project is not activated again for a newer commit, because a repository may contain
// a thousand projects and each activation costs a write to KV.
func (p *draft) markUnchanged(l *version.Live, project bool) bool {
	p.NoChange, p.Unchanged = true, l.Meta.Files
	return project || p.Origin.Commit == "" || p.Origin.Commit == l.Commit()
}

// reactivate plans to activate the live version again, for another commit.
func (p *draft) reactivate(l *version.Live, notices []manifest.Problem) {
	p.NoChange, p.Unchanged = true, l.Meta.Files
	p.Reactivate, p.Notices = true, notices
}

// moveTo sets where the run writes, and drops the blobs that are confirmed elsewhere: in
// another namespace, or under the keys of a project that was deleted meanwhile.
func (r *run) moveTo(namespace string, keys manifest.Keys) {
	if r.namespace != namespace || r.keys != keys {
		r.confirmed = make(map[manifest.Content]manifest.Ref)
	}
	r.namespace, r.keys = namespace, keys
}

func (p *draft) checkShrink(base *manifest.Manifest, opt plan.Options) error {
	if opt.AllowShrink {
		return nil
	}
	if len(p.manifest.Assets) == 0 && p.Origin.ID != manifest.NoFiles {
		return p.holdsNothing()
	}
	if base == nil {
		return nil
	}
	return checkLeft(len(p.manifest.Assets), len(base.Assets), p.Removed)
}

// checkIgnored refuses files that git ignores, if they would become public only because the
// live deployment was made under rules that left them out.
func (p *draft) checkIgnored(base *manifest.Manifest, opt plan.Options) error {
	if base == nil || base.Origin.Edition >= manifest.SelectionEdition || opt.PublishIgnored {
		return nil
	}
	var added []string
	for _, c := range p.Added {
		if _, ignored := slices.BinarySearch(p.Ignored, c.Path); ignored {
			added = append(added, c.Path)
		}
	}
	if len(added) == 0 {
		return nil
	}
	return guard.Stop(guard.Ignored, finding.CaseIgnored, finding.Facts{
		What: humanize.Count(len(added), "file"), Path: humanize.List(added),
	})
}

// holdsNothing is the refusal of a source without files.
func (p *draft) holdsNothing() error {
	err := guard.Stop(guard.Shrink, finding.CaseEmpty, finding.Facts{Path: p.where()})
	err.Removed = p.Removed
	return err
}

// checkLeft refuses a deploy that leaves less than half of the files. It compares
// numbers and not names, because a build with a hash in each name renames all files.
func checkLeft(now, before int, removed []plan.Change) error {
	if 2*now >= before {
		return nil
	}
	err := guard.Stop(guard.Shrink, finding.CaseShrink, finding.Facts{Count: now, What: humanize.Count(before, "file")})
	err.Removed = removed
	return err
}

func (p *draft) where() string {
	if p.Origin.Commit != "" {
		return fmt.Sprintf("%s at commit %.12s", p.Origin.Dir, p.Origin.Commit)
	}
	return p.Origin.Dir
}
