package kvassets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Write writes everything that the switch relies on: the files, then the record that
// names them, then the code. A build makes the code. Its inputs are unknown, so it runs
// each time, and only its result shows whether anything changed.
func (p *kvAssetsPlan) Write(ctx context.Context) (_ *layout.Prepared, err error) {
	e, l, r, opt, build := p.e, p.l, p.r, p.r.Options, p.r.Worker.Build
	if !p.sameFiles { // else only the build shows whether anything changed
		p.Show(e.Client)
	}
	if r.Namespace, err = e.EnsureNamespace(ctx, p.Namespace); err != nil {
		return nil, err
	}
	store := e.Account.Store(r.Namespace)
	if !p.recorded {
		if err := e.writeIndex(ctx, store, p.next, p.items); err != nil {
			return nil, err
		}
	}
	e.Note(site.StageUpload, "all that the index names is in KV; making the Worker")
	if p.Worker, err = build.Make(ctx, p.encoded); err != nil {
		return nil, err
	}
	if !InModules(p.Worker.Modules, p.encoded) {
		return nil, guard.Stop(guard.Index, finding.CaseIndex, finding.Facts{})
	}
	if build.Binding != "" {
		p.Worker.Bindings = append(slices.Clone(p.Worker.Bindings),
			cloud.Binding{Name: build.Binding, Type: "kv_namespace",
				Fields: map[string]json.RawMessage{"namespace_id": cloud.JSONString(r.Namespace)}})
	}
	p.Hash = version.WorkerHash(p.Worker, e.Serving, e.Rights)
	p.WorkerChanged = !p.e.Owns(l.Meta) || l.Meta.Worker != p.Hash
	// Only after the build is it known whether a rollback holds this back.
	if err := r.Order.CheckContent(ctx, l, p.Draft, opt); err != nil {
		return nil, err
	}
	if p.sameFiles && !p.WorkerChanged && l.HasAllTraffic() && !opt.Repair {
		if !p.MarkUnchanged(l, false) {
			p.MarkReactivated(l, p.Notices)
		}
		p.Unchanged = len(p.next.Index)
	}
	if p.sameFiles {
		p.Show(e.Client)
	}
	if p.NoChange {
		return nil, nil
	}
	return p.release(ctx)
}

// release writes the record of the deployment and, if the script exists, its version.
func (p *kvAssetsPlan) release(ctx context.Context) (*layout.Prepared, error) {
	e, l := p.e, p.l
	url, err := e.Address(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := p.r.Provide(ctx, l, &p.Worker, p.Resources); err != nil {
		return nil, err
	}
	if err := p.Forget(ctx, p.next.Served()); err != nil {
		return nil, err
	}
	out := &layout.Prepared{}
	if out.Release, err = p.r.Describe(l, p.Draft, layout.Served{Index: p.next.Ref.Hash.String(), Keeper: p.e},
		url); err != nil {
		return nil, err
	}
	if out.Upload, err = p.r.Version(l, p.Worker, p.Origin, out.Meta); err != nil {
		return nil, err
	}
	if out.Upload.Apply, err = p.r.Migrations(ctx, l, p.Worker); err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.Quiet().Upload(gctx, e.Account.Store(p.r.Namespace), out.Values, nil) })
	g.Go(func() error { return p.r.UploadVersion(gctx, l, out) })
	return out, g.Wait()
}

// kvAssetsPlan is a plan with the state that its execution needs.
type kvAssetsPlan struct {
	*layout.Draft
	e       *kvAssets
	l       *version.Live
	r       *layout.Run
	next    *Record
	encoded []byte // its index
	items   []*upload.Item
	// sameFiles is set if the live Worker contains this index.
	sameFiles bool
	// recorded is set if the index and its files are in KV.
	recorded bool
}

// Plan compares files only. It builds nothing, so it does not know whether the code
// changes.
func (k *kvAssets) Plan(ctx context.Context, l *version.Live, d *layout.Draft, r *layout.Run) (layout.Planned, error) {
	p := &kvAssetsPlan{Draft: d, e: k, l: l, r: r}
	p.Layout = Layout.Name
	if r.Worker.Build == nil {
		return nil, errors.New("in this layout a Worker is deployed with what builds it")
	}
	if l.Meta != nil && l.Meta.Overlay != nil && !r.Options.HideEdits {
		return nil, guard.Stop(guard.Overlay, finding.CaseEditsNoOverlay, finding.Facts{Site: k.Site})
	}
	order, err := r.Order.Check(ctx, l, d, r)
	if err != nil {
		return nil, err
	}
	if p.Namespace, err = k.FindNamespace(ctx, layout.OfLayout(l, k))(); err != nil {
		return nil, err
	}
	newest, active, err := k.recordsFor(ctx, l, p.Namespace)
	if err != nil {
		return nil, err
	}
	listing, err := r.Source.Files(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := p.fill(ctx, listing, newest, active); err != nil {
		return nil, err
	}
	p.Notices = slices.Concat(p.Notices, order)
	return p, p.FindResources(ctx, l, r.Worker.Bindings, r.Client)
}

// recordsFor reads the record of the newest index and of the index of the live Worker:
// their files are in KV. Each may be empty.
func (k *kvAssets) recordsFor(ctx context.Context, l *version.Live, namespace string) (newest, active *Record,
	err error) {
	active = &Record{}
	if namespace == "" {
		return active, active, nil
	}
	if newest, err = k.newestIndex(ctx, namespace); err != nil {
		return nil, nil, err
	}
	if !k.Owns(l.Meta) || l.Meta.Namespace != namespace {
		return newest, active, nil
	}
	if newest.Ref.Hash.String() == l.Meta.Index {
		return newest, newest, nil
	}
	switch active, err = k.indexOf(ctx, l.Meta); {
	case errors.Is(err, cloud.ErrNotFound), errors.Is(err, manifest.ErrDamaged):
		k.Note(site.StagePlan, "the record of the live index is not used: %v", err)
		return newest, &Record{}, nil
	case err != nil:
		return nil, nil, err
	}
	return newest, active, nil
}

// fill completes the plan, or refuses the files.
func (p *kvAssetsPlan) fill(ctx context.Context, listing *manifest.Listing, newest,
	active *Record) (err error) {
	e, opt := p.e, p.r.Options
	if p.next, err = e.indexFiles(ctx, listing); err != nil {
		return err
	}
	for _, before := range []*Record{newest, active} {
		if err := refuseIndex(p.next, listing, before); err != nil {
			return err
		}
	}
	p.next.KeepTimes(newest, p.r.Worker.Build.Local)
	p.next.KeepTimes(active, nil) // visitors have these
	p.encoded = EncodeIndex(p.next.Index)
	p.next.Ref = manifest.Ref{Hash: manifest.HashOf(p.encoded), Nonce: e.nonceAfter(newest.Ref.Nonce)}
	p.Origin = settledOrigin(listing, p.next)
	p.Notices, p.Excluded = kvAssetsNotices(listing), listing.Excluded
	p.Manifest = &manifest.Manifest{Origin: p.Origin, Assets: make([]manifest.Asset, len(listing.Files))}
	for i, f := range listing.Files {
		p.Manifest.Assets[i] = f.Asset
	}
	p.compare(active)
	p.items = indexItems(p.next, listing, newest.And(active), opt.Repair)
	p.recorded = len(p.items) == 0 && newest.Ref.Hash == p.next.Ref.Hash
	ours, live := p.e.Owns(p.l.Meta), p.l.Meta
	p.sameFiles = ours && live.Index == p.next.Ref.Hash.String() && live.Namespace == p.Namespace
	for _, it := range p.items {
		p.Blobs++
		p.Bytes += it.Size
	}
	p.Writes = p.Blobs + 1 // the record of the deployment
	if !p.recorded {
		p.Writes++
	}
	if p.Blobs > 0 {
		p.Writes++ // the note of what is uploaded
	}
	p.PruneDue = ours && e.PruneDue(time.Unix(live.Pruned, 0))
	return p.CheckShrink(&manifest.Manifest{Assets: make([]manifest.Asset, len(active.Index))}, opt)
}

// settledOrigin returns the origin of the files. A folder gets its id here, because it is
// computed from the hashes.
func settledOrigin(l *manifest.Listing, r *Record) manifest.Origin {
	if l.Origin.Kind != "folder" || l.Origin.ID != "" {
		return l.Origin
	}
	known := *l
	known.Files = slices.Clone(l.Files)
	for i := range known.Files {
		known.Files[i].Blob.Hash = r.Hashes[i]
	}
	known.Origin.ID = manifest.FolderID(&known)
	return known.Origin
}

// compare fills in the difference to the live index.
func (p *kvAssetsPlan) compare(active *Record) {
	before := make(map[string]Entry, len(active.Index))
	for _, e := range active.Index {
		before[e.Path] = e
	}
	size := func(e Entry) int64 { return int64(min(e.Size, manifest.MaxValueBytes)) }
	for _, e := range p.next.Index {
		old, there := before[e.Path]
		delete(before, e.Path)
		switch {
		case !there:
			p.Added = append(p.Added, plan.Change{Path: "/" + e.Path, Size: size(e)})
		case old.Key == e.Key:
			p.Unchanged++
		default:
			p.Changed = append(p.Changed, plan.Change{Path: "/" + e.Path, Size: size(e), Before: size(old)})
		}
	}
	for _, e := range active.Index {
		if _, gone := before[e.Path]; gone {
			p.Removed = append(p.Removed, plan.Change{Path: "/" + e.Path, Size: size(e)})
		}
	}
}

// indexOf reads the record of the index of a version.
func (k *kvAssets) indexOf(ctx context.Context, m *version.Meta) (*Record, error) {
	store, keys := k.Account.Store(m.Namespace), Keys(k.Site)
	var ref manifest.Ref
	err := cloud.EachKey(ctx, store, keys.Records()+m.Index+".", func(key cloud.KeyInfo) error {
		found, err := manifest.ParseRef(strings.TrimPrefix(key.Name, keys.Records()))
		if err == nil && bytes.Compare(found.Nonce[:], ref.Nonce[:]) > 0 {
			ref = found
		}
		return nil //nolint:nilerr // another release made it
	})
	if err == nil && ref.IsZero() {
		err = fmt.Errorf("the record of the index of deployment %s: %w", m.Deployment, cloud.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return k.readKVAssetsRecord(ctx, store, keys.Record(ref), ref)
}

func isDeployment(id string) bool {
	_, ok := manifest.DeploymentTime(id)
	return ok
}

// findDeployed finds the indexes of the deployments that can be rolled back to, and the
// expired records: those of deployments that are neither retained nor younger than twice
// the grace period. A deployment ends when the next begins.
func (p *kvAssetsPrune) findDeployed(ctx context.Context) error {
	p.deployed, p.policy = map[manifest.Hash]bool{}, p.opt.GivenPolicy(p.e.Client)
	if len(p.activations) == 0 {
		return p.opt.CheckPolicy(p.e.Client, false)
	}
	past, err := p.e.Past(ctx, site.Lookup{Retained: true, Given: p.policy,
		Records: func(*version.Meta) string { return p.e.RecordKey("") }})
	if err == nil {
		err = past.Unread
	}
	if err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	p.policy = past.Policy
	if err := p.opt.CheckPolicy(p.e.Client, past.Recorded); err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, d := range past.Deployments {
		if hash, ok := d.Meta.IndexHash(); ok && d.Retained {
			p.deployed[hash], kept[d.ID] = true, true
		}
	}
	for _, id := range p.deployments {
		if made, _ := manifest.DeploymentTime(id); !kept[id] && p.e.Time().Sub(made) >= 2*p.policy.GracePeriod() {
			p.expired = append(p.expired, p.keys.Deployment(id))
		}
	}
	for name, h := range p.holds {
		if !kept[h.deployment] && p.e.Time().Sub(h.written) >= 2*p.policy.GracePeriod() {
			p.expired = append(p.expired, name)
		}
	}
	return nil
}
