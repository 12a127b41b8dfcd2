package kvsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// anyway reports whether to deploy even where nothing changed.
func (o Options) anyway() bool { return o.Forget || o.Repair }

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
	left      []manifest.Asset          // chunked assets of the live manifest that changed or went
	worker    cloud.Worker
	hash      string // of the worker
	companion *companionUpload
	under     overlay.Edits
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
	l, err := e.look(ctx)
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
	// alone: what was uploaded ahead has become too old.
	alone bool
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

// contentLayout is kv-sync's own: each content under a key that is written once,
// and the manifest inside the Worker version.
var contentLayout = Layout{
	Name:  "content",
	title: func(string) string { return "kv-sync" },
	of:    func(e *Engine) (layout, error) { return &contentAddressed{e}, nil },
}

// contentAddressed is the content layout of one engine.
type contentAddressed struct{ *Engine }

func (c *contentAddressed) owns(m *Meta) bool { return m != nil && m.Index == "" }

func (c *contentAddressed) lacks(string) error { return nil }

func (c *contentAddressed) recordKey(deployment string) string {
	return manifest.Keys(c.Site).Record(deployment)
}

func (c *contentAddressed) prefix() string { return manifest.Keys(c.Site).Prefix() }

// contentDraft is a draft of the content layout.
type contentDraft struct {
	*draft
	c *contentAddressed
	l *live
	r *run
}

func (p *contentDraft) base() *draft { return p.draft }

func (c *contentAddressed) plan(ctx context.Context, l *live, p *draft, r *run) (planned, error) {
	e, w, opt, origin := c.Engine, r.worker, r.opt, p.Origin
	out := &contentDraft{p, c, l, r}
	p.worker, p.hash = w, e.workerHash(w)
	if err := e.checkCache(l, w); err != nil {
		return nil, err
	}
	notices, err := e.target.admit(w, e.Serving.Overlay)
	if err != nil {
		return nil, err
	}
	sameWorker := c.owns(l.meta) && l.meta.Worker == p.hash && (e.Namespace == "" || e.Namespace == l.meta.Namespace)
	p.WorkerChanged = !sameWorker
	mayStay := sameWorker && l.whole() && !opt.anyway()
	stays := func(o manifest.Origin) bool { return o.ID != "" && mayStay && o.ID == l.meta.Source }
	if stays(origin) && p.stay(l, e.target.inKV()) {
		return out, nil
	}
	order, err := e.checkOrder(ctx, l, p, r)
	if err != nil {
		return nil, err
	}
	if stays(origin) {
		p.reactivate(l, order)
		return out, nil
	}
	namespace := e.findNamespace(ctx, l.in(c))
	listing, base, err := c.list(ctx, l, r, origin, mayStay)
	if err != nil {
		return nil, err
	}
	if p.namespace, err = namespace(); err != nil {
		return nil, err
	}
	p.pulled = listing.Pulled
	p.Origin = listing.Origin
	if origin.ID == "" {
		if err := e.checkHeldContent(ctx, l, p, opt); err != nil {
			return nil, err
		}
	}
	if stays(p.Origin) {
		if !p.stay(l, e.target.inKV()) {
			p.reactivate(l, order)
		}
		return out, nil
	}
	p.Notices = slices.Concat(notices, listing.Notices, order)
	p.PruneDue = c.owns(l.meta) && e.pruneDue(time.Unix(l.meta.Pruned, 0))
	carry := base
	if l.meta != nil && e.Namespace != "" && e.Namespace != l.meta.Namespace || opt.Repair {
		carry = nil // nothing of it lies in the new namespace, or nothing is believed
	}
	r.moveTo(p.namespace)
	p.compare(e, listing, base, carry, r)
	p.count(e, carry)
	if carry != nil && !opt.Forget && !opt.KeepNone {
		e.retire(ctx, l, p, carry)
	}
	if err := p.checkShrink(base, opt); err != nil {
		return nil, err
	}
	if receiptFor(p.Origin) && p.namespace != "" && p.worthReceipt() && !opt.anyway() && !r.alone {
		if there := e.received(ctx, p); there != nil {
			p.take(there, r.nonce)
			p.count(e, carry)
		}
	}
	if err := e.planOverlay(ctx, l, p, base, opt); err != nil {
		return nil, err
	}
	p.Retired = retiredFiles(p.manifest.Retired)
	if p.companion, err = e.planCompanion(ctx, l, p, opt); p.companion != nil {
		p.Companion = overlay.CompanionName(e.Site)
	}
	return out, err
}

// stay makes the plan one without a change, and reports whether that is all:
// whether the live version was made live for this very commit, or no commit is
// known. A project is not activated again for each newer commit of a repository
// that may hold a thousand of them: each would be a write of KV.
func (p *draft) stay(l *live, project bool) bool {
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

// list reads the source against the live manifest. A folder must be hashed
// before anyone knows whether it changed, so it needs no manifest for that; a
// commit is known by its tree, and needs the manifest to walk only what changed.
func (c *contentAddressed) list(ctx context.Context, l *live, r *run, o manifest.Origin, mayStay bool) (listing *manifest.Listing, base *manifest.Manifest, err error) {
	e, src := c.Engine, r.src
	if !c.owns(l.meta) { // of another layout nothing is taken over
		listing, err = src.Files(ctx, nil)
		return listing, nil, err
	}
	if o.Kind == "folder" {
		if listing, err = src.Files(ctx, &manifest.Manifest{}); err != nil {
			return nil, nil, err
		}
		if mayStay && listing.Origin.ID == l.meta.Source {
			return listing, nil, nil
		}
	}
	base, err = e.manifest(ctx, l.meta)
	switch damaged := errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged); {
	case damaged && r.opt.Repair:
		base = &manifest.Manifest{}
	case damaged:
		return nil, nil, stop(GuardDamaged, CaseDamaged, finding.Facts{Deployment: l.meta.Deployment})
	case err != nil:
		return nil, nil, err
	}
	if o.Kind != "folder" {
		listing, err = src.Files(ctx, base)
	}
	return listing, base, err
}

// compare fills in the plan and the manifest that it leads to. Content is
// carried over only from the live manifest, or from what this run confirmed.
func (p *draft) compare(e *Engine, l *manifest.Listing, base, carry *manifest.Manifest, r *run) {
	m := &manifest.Manifest{
		Site: e.Site, Origin: l.Origin, Dirs: l.Dirs, Redirects: l.Redirects, Headers: l.Headers, Serving: e.Serving, Routing: p.worker.Routing,
		Assets: make([]manifest.Asset, 0, len(l.Files)),
	}
	var before []manifest.Asset
	if base != nil {
		before = base.Assets
	}
	known := moved(l.Files, carry)
	maps.Copy(known, r.confirmed)
	for i := range l.Files {
		f := &l.Files[i]
		for len(before) > 0 && before[0].Path < f.Path {
			p.Removed = append(p.Removed, Change{Path: before[0].Path, Size: before[0].Size})
			before = before[1:]
		}
		a := f.Asset
		ref, ok := known[a.Content()]
		if carry != nil && stays(f, before) {
			ref, ok = before[0].Blob, true
		}
		switch {
		case len(before) == 0 || before[0].Path != f.Path:
			p.Added = append(p.Added, Change{Path: f.Path, Size: f.Size})
		case a.Content() == before[0].Content() && a.ContentType == before[0].ContentType:
			a.Modified = before[0].Modified
			p.Unchanged++
			before = before[1:]
		default:
			p.Changed = append(p.Changed, Change{Path: f.Path, Size: f.Size, Before: before[0].Size})
			before = before[1:]
		}
		if a.Blob.Hash.IsZero() || !ok {
			ref = manifest.Ref{Hash: a.Blob.Hash, Nonce: r.nonce.For(a)}
			p.uploads = append(p.uploads, manifest.File{Asset: a, Open: f.Open})
			if !a.Blob.Hash.IsZero() {
				known[a.Content()] = ref // the same bytes at another path need no second blob
			}
		}
		a.Blob = ref
		m.Assets = append(m.Assets, a)
	}
	for _, a := range before {
		p.Removed = append(p.Removed, Change{Path: a.Path, Size: a.Size})
	}
	p.manifest = m
}

// count says what the plan's uploads will cost.
func (p *draft) count(e *Engine, carry *manifest.Manifest) {
	p.Blobs, p.Bytes = 0, 0
	for _, f := range p.uploads {
		p.Blobs += f.Blobs()
		p.Bytes += f.Size
	}
	p.left = nil
	if carry != nil && slices.ContainsFunc(p.uploads, func(f manifest.File) bool { return f.Chunked() }) {
		p.left = leftChunked(carry, p.manifest)
	}
	p.AtMost = len(p.left) > 0
	p.Writes = p.Blobs + 2 // the stored manifest and the record
	if e.target.inKV() {
		p.Writes += 3 // the served manifest, the version and the pointer
	}
}

// stays reports whether a file has the same content live, where before begins at
// its path or after it.
func stays(f *manifest.File, before []manifest.Asset) bool {
	return len(before) > 0 && before[0].Path == f.Path && before[0].Content() == f.Content()
}

// moved gives the live blobs of content that is not at its path as it was. What
// stays where it is needs no look-up, so that this costs by the change.
func moved(files []manifest.File, carry *manifest.Manifest) map[manifest.Content]manifest.Ref {
	known := make(map[manifest.Content]manifest.Ref)
	if carry == nil {
		return known
	}
	wanted := make(map[manifest.Content]bool)
	before := carry.Assets
	for i := range files {
		f := &files[i]
		for len(before) > 0 && before[0].Path < f.Path {
			before = before[1:]
		}
		if !stays(f, before) {
			wanted[f.Content()] = true
		}
	}
	for i := range carry.Assets {
		if a := &carry.Assets[i]; len(wanted) > 0 && wanted[a.Content()] {
			known[a.Content()] = a.Blob
		}
	}
	return known
}

// leftChunked lists the chunked assets whose content goes from the live manifest
// to the next one: some of their chunks may be in what comes in their place.
func leftChunked(live, next *manifest.Manifest) []manifest.Asset {
	stays := make(map[manifest.Content]bool)
	for _, a := range next.Assets {
		stays[a.Content()] = true
	}
	var out []manifest.Asset
	for _, a := range live.Assets {
		if a.Chunked() && !stays[a.Content()] {
			out = append(out, a)
		}
	}
	return out
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
