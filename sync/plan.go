package kvsync

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Options are the choices of a person for one run.
type Options struct {
	// TakeOver deploys over a version that kv-sync did not deploy.
	TakeOver bool
	// TakeOverFrom is TakeOver for one case: over a version of this repository, by
	// its name or id, or over the version with this id.
	TakeOverFrom string
	// AllowShrink permits a deployment without files, or with less than half of the
	// files before.
	AllowShrink bool
	// AnyOrder deploys a commit that is older than the live one, or whose order is
	// unknown.
	AnyOrder bool
	// Release deploys a commit that a rollback holds back.
	Release bool
	// Forget keeps only files of this deployment reachable, for a file that should
	// never have been published. It deploys even if nothing changed.
	Forget bool
	// KeepNone is Forget, but deploys only if something changed. It is for a site
	// that nobody visits with an open tab, such as a site in development.
	KeepNone bool
	// Repair uploads every blob again, under new keys, and does not rely on
	// anything live. It deploys even if nothing changed.
	Repair bool
	// HideEdits switches an overlay off although visitors will miss edits. The
	// edits are kept, and are visible again after the overlay is switched on again.
	HideEdits bool
}

// takesOver reports whether the run may replace a live version of another repository.
func (o Options) takesOver(l *version.Live) bool {
	if o.TakeOver || o.TakeOverFrom == "" {
		return o.TakeOver
	}
	from := strings.ToLower(o.TakeOverFrom)
	if l.Version.ID != "" && strings.EqualFold(from, l.Version.ID) {
		return true
	}
	if l.Meta == nil {
		return false
	}
	r := l.Meta.Repository
	return r.ID != "" && from == r.ID || r.Name != "" && (from == r.Name || strings.Contains(from, "/") &&
		strings.HasSuffix(r.Name, "/"+from))
}

// always reports whether to deploy even if nothing changed.
func (o Options) always() bool { return o.Forget || o.Repair }

// Plan is the difference between what is live and what a deploy makes live. Making a
// plan writes nothing.
type Plan struct {
	Site   string          `json:"site"`
	Origin manifest.Origin `json:"origin"`
	// Layout is "" in the default layout, else its name. In the layout "pathname"
	// Live is "", and only the sizes of the present files are known.
	Layout string `json:"layout,omitempty"`
	// Live is the deployment that the deploy replaces: "" on a first deploy, or
	// over a foreign version.
	Live string `json:"live,omitempty"`
	// NoChange: source and Worker equal the live ones. Then only Unchanged is
	// filled in, from the live version: 0 if the version does not record it.
	NoChange bool `json:"no_change"`
	// Reactivate, with NoChange: the commit is newer than the live one, so the same
	// version is activated again for it. This prevents that a late, older deploy
	// goes live.
	Reactivate bool `json:"reactivate,omitempty"`
	// First: there is no script yet, so upload and switch are one call.
	First bool `json:"first"`
	// Added, Changed and Removed are sorted by path.
	Added     []Change `json:"added"`
	Changed   []Change `json:"changed"`
	Removed   []Change `json:"removed"`
	Unchanged int      `json:"unchanged"`
	// Retired are files that this deployment does not have and that stay reachable
	// for open tabs, sorted by path. [Options].Forget removes them.
	Retired []RetiredFile `json:"retired,omitempty"`
	// Guarded are files that would be Retired if code did not control access to
	// them, sorted by path. They are unreachable after the switch.
	Guarded []Change `json:"guarded,omitempty"`
	// RoutingUnknown: the live deployment, which an older kv-sync made, does not
	// record which requests its code handles, so all files count as guarded.
	RoutingUnknown bool `json:"routing_unknown,omitempty"`
	// WorkerChanged: code, bindings or settings differ.
	WorkerChanged bool `json:"worker_changed"`
	// Blobs is the number of blobs to upload, Bytes the size of their files, Writes
	// the number of KV writes of the run. The run may need fewer if the upload
	// computes the hashes and finds two equal files.
	Blobs  int   `json:"blobs"`
	Bytes  int64 `json:"bytes"`
	Writes int   `json:"kv_writes"`
	// AtMost: the run may need far fewer, because only the upload finds out which
	// chunks of a changed file are live.
	AtMost bool `json:"at_most,omitempty"`
	// Ahead is the number of files that need no upload because they were uploaded
	// ahead.
	Ahead int `json:"ahead,omitempty"`
	// PruneDue: a prune follows the switch.
	PruneDue bool               `json:"prune_due"`
	Notices  []manifest.Problem `json:"notices,omitempty"`
	// Shadowed are the files that edits made at run time cover, sorted by path.
	Shadowed []Shadow `json:"shadowed,omitempty"`
	// Companion is the name of the script of the overlay, if the deploy uploads it.
	Companion string `json:"companion,omitempty"`
}

// Traits describes the layout that the plan is for.
func (p *Plan) Traits() Layout {
	l, _ := LayoutNamed(p.Layout) // the engine checked the name
	return l
}

// draft is a plan with the state that its execution needs. The upload completes it: it
// computes the hashes that the source left out. A [Plan] that was shown is a copy and
// does not change.
type draft struct {
	Plan
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
func (p *draft) shown() *Plan {
	plan := p.Plan
	return &plan
}

// Change is one path of a plan.
type Change struct {
	Path string `json:"path"`
	// Size is the new size in bytes, or that of what is removed.
	Size int64 `json:"size"`
	// Before is the size that a changed file has live.
	Before int64 `json:"before,omitempty"`
}

// RetiredFile is a file of an earlier deployment. It stays reachable for at least
// Deployments more deployments and until Until.
type RetiredFile struct {
	Path        string    `json:"path"`
	Size        int64     `json:"size"`
	Deployments int       `json:"deployments"`
	Until       time.Time `json:"until"`
}

// Plan returns what Deploy would do, and refuses what Deploy would refuse.
func (e *Engine) Plan(ctx context.Context, src manifest.Source, w cloud.Worker, opt Options) (*Plan, error) {
	l, err := e.readLive(ctx)
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
	opt    Options

	started   time.Time
	namespace string // of the confirmed blobs, "" if not known yet
	nonce     manifest.Nonce
	confirmed map[manifest.Content]manifest.Ref
	// ignoreReceipt: the blobs that were uploaded ahead are too old.
	ignoreReceipt bool
}

func (e *Engine) newRun(src manifest.Source, w cloud.Worker, opt Options) *run {
	now := e.now()
	return &run{src: src, worker: w, opt: opt, started: now, nonce: manifest.NewNonce(now),
		confirmed: make(map[manifest.Content]manifest.Ref)}
}

// foreignWorker refuses to replace what another tool deployed.
func foreignWorker(site string) *GuardError {
	return stop(GuardForeign, finding.CaseForeign, finding.Facts{Site: site})
}

// plan checks the guards that all layouts share, and has the layout compare the source
// with what is live.
func (e *Engine) plan(ctx context.Context, l *version.Live, r *run) (planned, error) {
	if l.Foreign && !r.opt.takesOver(l) {
		return nil, foreignWorker(e.Site)
	}
	if _, ages := e.layout.(keeper); ages { // else no key is deleted for its age
		if err := e.checkClock(); err != nil {
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
	d := &draft{Plan: Plan{Site: e.Site, Origin: origin, First: !l.Exists()}}
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

// pruneDue reports whether a prune is due. A last prune in the future does not count:
// an older kv-sync recorded it on a machine with a fast clock.
func (e *Engine) pruneDue(last time.Time) bool {
	since := e.now().Sub(last)
	return since > e.Grace || since < -e.skew()
}

// moveTo sets the namespace, and drops the blobs that are confirmed in another one.
func (r *run) moveTo(namespace string) {
	if r.namespace != namespace {
		r.confirmed = make(map[manifest.Content]manifest.Ref)
	}
	r.namespace = namespace
}

func (p *draft) checkShrink(base *manifest.Manifest, opt Options) error {
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

// holdsNothing is the refusal of a source without files.
func (p *draft) holdsNothing() error {
	err := stop(GuardShrink, finding.CaseEmpty, finding.Facts{Path: p.where()})
	err.Removed = p.Removed
	return err
}

// checkLeft refuses a deploy that leaves less than half of the files. It compares
// numbers and not names, because a build with a hash in each name renames all files.
func checkLeft(now, before int, removed []Change) error {
	if 2*now >= before {
		return nil
	}
	err := stop(GuardShrink, finding.CaseShrink, finding.Facts{Count: now, What: humanize.Count(before, "file")})
	err.Removed = removed
	return err
}

func (p *draft) where() string {
	if p.Origin.Commit != "" {
		return fmt.Sprintf("%s at commit %.12s", p.Origin.Dir, p.Origin.Commit)
	}
	return p.Origin.Dir
}
