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
)

// Options are what a person may decide for one run.
type Options struct {
	// TakeOver deploys over a version that kv-sync did not deploy.
	TakeOver bool
	// TakeOverFrom is TakeOver for one case alone: over a version that is from this
	// repository, by its name or id, or that has this id.
	TakeOverFrom string
	// AllowShrink lets a deployment be empty, or have less than half of the files.
	AllowShrink bool
	// AnyOrder deploys a commit although it is older than the live one, or
	// although nobody can tell; a project also although it seems to have been
	// deployed in the future, by a machine whose clock was ahead.
	AnyOrder bool
	// Release deploys a commit that a rollback holds back.
	Release bool
	// Forget keeps nothing reachable that is not in this deployment, as is
	// wanted for a file that should never have been published. It deploys even
	// where nothing changed.
	Forget bool
	// KeepNone keeps nothing reachable that is not in this deployment either, but deploys
	// only where something changed. It is for a site that nobody visits with an open
	// tab, as while it is worked on.
	KeepNone bool
	// Repair uploads every blob again, under new keys, believing nothing of what
	// is live. It deploys even where nothing changed.
	Repair bool
	// HideEdits switches an overlay off although visitors will miss edits then.
	// They are kept, and seen again where the overlay is switched on again.
	HideEdits bool
}

// takesOver reports whether what is live may be replaced though it is not this
// repository's.
func (o Options) takesOver(l *live) bool {
	if o.TakeOver || o.TakeOverFrom == "" {
		return o.TakeOver
	}
	from := strings.ToLower(o.TakeOverFrom)
	if l.version.ID != "" && strings.EqualFold(from, l.version.ID) {
		return true
	}
	if l.meta == nil {
		return false
	}
	r := l.meta.Repository
	return r.ID != "" && from == r.ID || r.Name != "" && (from == r.Name || strings.Contains(from, "/") && strings.HasSuffix(r.Name, "/"+from))
}

// always reports whether to deploy even where nothing changed.
func (o Options) always() bool { return o.Forget || o.Repair }

// Plan is the difference between what is live and what would be. It is a
// value: making it writes nothing.
type Plan struct {
	Site   string          `json:"site"`
	Origin manifest.Origin `json:"origin"`
	// Layout is "pathname" in that layout, where Live is "", and no size is known
	// but those of the files that there are now; "kv-assets" in that; else "".
	Layout string `json:"layout,omitempty"`
	// Live is the deployment that would be replaced, "" on a first one or over a
	// foreign version.
	Live string `json:"live,omitempty"`
	// NoChange: source and Worker are both as they are live. Beside it only
	// Unchanged is filled in, as the live version tells it: 0 where it does not.
	NoChange bool `json:"no_change"`
	// Reactivate, beside NoChange: the commit is newer than the live one, so the
	// same version is activated again for it, lest a late, older deploy goes live.
	Reactivate bool `json:"reactivate,omitempty"`
	// First: there is no script yet, so upload and switch are one call.
	First bool `json:"first"`
	// Added, Changed and Removed are sorted by path.
	Added     []Change `json:"added"`
	Changed   []Change `json:"changed"`
	Removed   []Change `json:"removed"`
	Unchanged int      `json:"unchanged"`
	// Retired are files that this deployment does not have and that stay reachable
	// for open tabs, sorted by path. [Options].Forget ends that.
	Retired []RetiredFile `json:"retired,omitempty"`
	// Guarded are files that would be among them if code did not decide about
	// access to them, sorted by path. They are gone with the switch.
	Guarded []Change `json:"guarded,omitempty"`
	// RoutingUnknown: the live deployment does not say which requests its code
	// gets, as one by an older kv-sync, so that all files count as guarded.
	RoutingUnknown bool `json:"routing_unknown,omitempty"`
	// WorkerChanged: code, bindings or settings differ.
	WorkerChanged bool `json:"worker_changed"`
	// Blobs is how many blobs will be uploaded, Bytes how many bytes their files
	// have, Writes how many KV writes the run takes in all. They are fewer where
	// hashing is left to the upload and two files turn out to be equal.
	Blobs  int   `json:"blobs"`
	Bytes  int64 `json:"bytes"`
	Writes int   `json:"kv_writes"`
	// AtMost: they may be far fewer, because only the upload finds out which
	// chunks of a changed file are live.
	AtMost bool `json:"at_most,omitempty"`
	// Ahead is how many files need no upload because they were uploaded ahead.
	Ahead int `json:"ahead,omitempty"`
	// PruneDue: a prune follows the switch.
	PruneDue bool               `json:"prune_due"`
	Notices  []manifest.Problem `json:"notices,omitempty"`
	// Shadowed are the files that edits made at run time lie over, sorted by path.
	Shadowed []Shadow `json:"shadowed,omitempty"`
	// Companion is the name of the overlay's script, where it is to be deployed.
	Companion string `json:"companion,omitempty"`
}

// Traits describes the layout that the plan is for.
func (p *Plan) Traits() Layout {
	l, _ := LayoutNamed(p.Layout) // the engine knew it
	return l
}

// draft is a plan together with the state that carrying it out needs. The upload
// completes it: it finds hashes that the source left out. A [Plan] that was
// shown is a copy and does not change.
type draft struct {
	Plan
	namespace string                    // "" where it has to be created
	manifest  *manifest.Manifest        // complete except for the hashes that the upload finds
	uploads   []manifest.File           // one for each content to be written
	pulled    map[string]manifest.Nonce // the run-time writes that are in the source
	replaced  []manifest.Asset          // chunked assets of the live manifest that changed or went
	worker    cloud.Worker
	hash      string // of the worker
	companion *companionUpload
	edits     overlay.Edits
	oldest    time.Time // of the blobs that were uploaded ahead; zero where there are none
}

// shown is the plan as it is now.
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

// RetiredFile is a file of an earlier deployment that stays reachable until a
// deploy that is both the one after Deployments more and later than Until.
type RetiredFile struct {
	Path        string    `json:"path"`
	Size        int64     `json:"size"`
	Deployments int       `json:"deployments"`
	Until       time.Time `json:"until"`
}

// Plan says what Deploy would do, and refuses what it would refuse.
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

// run is one invocation: what is to be deployed, and what it carries from a plan
// to the next one, where it has to plan again: its nonce, and the blobs that it
// has confirmed by then.
type run struct {
	src    manifest.Source
	worker cloud.Worker
	opt    Options

	started   time.Time
	namespace string // where confirmed lies, "" if not known yet
	nonce     manifest.Nonce
	confirmed map[manifest.Content]manifest.Ref
	// ignoreReceipt: what was uploaded ahead has become too old.
	ignoreReceipt bool
}

func (e *Engine) newRun(src manifest.Source, w cloud.Worker, opt Options) *run {
	now := e.Now()
	return &run{src: src, worker: w, opt: opt, started: now, nonce: manifest.NewNonce(now), confirmed: make(map[manifest.Content]manifest.Ref)}
}

// foreignWorker refuses to replace what another tool deployed.
func foreignWorker(site string) *GuardError {
	return stop(GuardForeign, CaseForeign, finding.Facts{Site: site})
}

// plan refuses what must not go live whatever its layout, and has the layout
// compare the source with what is live.
func (e *Engine) plan(ctx context.Context, l *live, r *run) (planned, error) {
	if l.foreign && !r.opt.takesOver(l) {
		return nil, foreignWorker(e.Site)
	}
	if l.clock != nil && !r.opt.AnyOrder {
		return nil, l.clock
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
	d := &draft{Plan: Plan{Site: e.Site, Origin: origin, First: !l.exists()}}
	if l.meta != nil {
		d.Live = l.meta.Deployment
	}
	return e.layout.plan(ctx, l, d, r)
}

// markUnchanged makes the plan one without a change, and reports whether that is all:
// whether the live version was made live for this very commit, or no commit is
// known. A project is not activated again for each newer commit of a repository
// that may hold a thousand of them: each would be a write of KV.
func (p *draft) markUnchanged(l *live, project bool) bool {
	p.NoChange, p.Unchanged = true, l.meta.Files
	return project || p.Origin.Commit == "" || p.Origin.Commit == l.commit()
}

// reactivate plans to activate the live version again, for another commit.
func (p *draft) reactivate(l *live, notices []manifest.Problem) {
	p.NoChange, p.Unchanged = true, l.meta.Files
	p.Reactivate, p.Notices = true, notices
}

// pruneDue reports whether it is time for a prune. The last one was not in the
// future: whoever says so had a clock that was ahead.
func (e *Engine) pruneDue(last time.Time) bool {
	since := e.Now().Sub(last)
	return since > e.Grace || since < -e.skew()
}

// moveTo forgets what was confirmed in another namespace.
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

// holdsNothing refuses a source without a file.
func (p *draft) holdsNothing() error {
	err := stop(GuardShrink, CaseEmpty, finding.Facts{Path: p.where()})
	err.Removed = p.Removed
	return err
}

// checkLeft refuses to leave less than half of the files. It counts files and
// does not compare their names, for with a hash in each a build renames them all.
func checkLeft(now, before int, removed []Change) error {
	if 2*now >= before {
		return nil
	}
	err := stop(GuardShrink, CaseShrink, finding.Facts{Count: now, What: humanize.Count(before, "file")})
	err.Removed = removed
	return err
}

func (p *draft) where() string {
	if p.Origin.Commit != "" {
		return fmt.Sprintf("%s at commit %.12s", p.Origin.Dir, p.Origin.Commit)
	}
	return p.Origin.Dir
}
