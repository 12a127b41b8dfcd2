package kvsync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

func (c *contentAddressed) plan(ctx context.Context, l *version.Live, p *draft, r *run) (planned, error) {
	e, w, opt, origin := c.Engine, r.worker, r.opt, p.Origin
	out := &contentDraft{p, c, l, r}
	p.worker, p.hash = w, version.WorkerHash(w, e.Serving, e.Rights)
	if err := e.checkCache(l, w); err != nil {
		return nil, err
	}
	notices, err := e.Target.Admit(w, e.Serving.Overlay)
	if err != nil {
		return nil, err
	}
	sameWorker := c.owns(l.Meta) && l.Meta.Worker == p.hash && (e.Namespace == "" || e.Namespace == l.Meta.Namespace)
	p.WorkerChanged = !sameWorker
	mayBeUnchanged := sameWorker && l.HasAllTraffic() && !opt.Always()
	unchanged := func(o manifest.Origin) bool { return o.ID != "" && mayBeUnchanged && o.ID == l.Meta.Source }
	if unchanged(origin) && p.markUnchanged(l, e.Target.InKV()) {
		return out, nil
	}
	order, err := e.checkOrder(ctx, l, p, r)
	if err != nil {
		return nil, err
	}
	if unchanged(origin) {
		p.reactivate(l, order)
		return out, nil
	}
	namespace := e.FindNamespace(ctx, ofLayout(l, c))
	listing, base, err := c.list(ctx, l, r, origin, mayBeUnchanged)
	if err != nil {
		return nil, err
	}
	if p.namespace, err = namespace(); err != nil {
		return nil, err
	}
	p.pulled, p.Origin = listing.Pulled, listing.Origin
	p.Ignored, p.Excluded = listing.Ignored, listing.Excluded
	if origin.ID == "" {
		if err := e.checkHeldContent(ctx, l, p, opt); err != nil {
			return nil, err
		}
	}
	if unchanged(p.Origin) {
		if !p.markUnchanged(l, e.Target.InKV()) {
			p.reactivate(l, order)
		}
		return out, nil
	}
	p.Notices = slices.Concat(notices, listing.Notices, order)
	p.PruneDue = c.owns(l.Meta) && e.PruneDue(time.Unix(l.Meta.Pruned, 0))
	carry := base
	if l.Meta != nil && e.Namespace != "" && e.Namespace != l.Meta.Namespace || opt.Repair {
		carry = nil // the new namespace has none of it, or nothing is trusted
	}
	r.moveTo(p.namespace, e.Keys())
	p.compare(e, listing, base, carry, r)
	p.count(e, carry)
	if carry != nil && !opt.Forget && !opt.KeepNone {
		e.retire(ctx, l, p, carry)
	}
	if err := p.checkShrink(base, opt); err != nil {
		return nil, err
	}
	if err := p.checkIgnored(base, opt); err != nil {
		return nil, err
	}
	if receiptFor(p.Origin) && p.namespace != "" && p.worthReceipt() && !opt.Always() && !r.ignoreReceipt {
		if there := e.readReceipt(ctx, l, p); there != nil {
			p.useReceipt(there, r.nonce)
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

// list reads the source against the live manifest. A folder has to be hashed before a
// change is known, which needs no manifest. A commit is identified by its tree, and
// needs the manifest to walk only what changed.
func (c *contentAddressed) list(ctx context.Context, l *version.Live, r *run, o manifest.Origin,
	mayStay bool) (listing *manifest.Listing, base *manifest.Manifest, err error) {
	e, src := c.Engine, r.src
	if !c.owns(l.Meta) { // another layout has nothing to reuse
		listing, err = src.Files(ctx, nil)
		return listing, nil, err
	}
	if o.Kind == "folder" {
		if listing, err = src.Files(ctx, &manifest.Manifest{}); err != nil {
			return nil, nil, err
		}
		if mayStay && listing.Origin.ID == l.Meta.Source {
			return listing, nil, nil
		}
	}
	base, err = e.Manifest(ctx, l.Meta)
	switch damaged := errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged); {
	case damaged && r.opt.Repair:
		base = &manifest.Manifest{}
	case damaged:
		return nil, nil, guard.Stop(guard.Damaged, finding.CaseDamaged, finding.Facts{Deployment: l.Meta.Deployment})
	case err != nil:
		return nil, nil, err
	}
	if o.Kind != "folder" {
		listing, err = src.Files(ctx, base)
	}
	return listing, base, err
}

// compare fills in the plan and the new manifest. It reuses blobs of the live manifest
// and blobs that this run has confirmed, and no others.
func (p *draft) compare(e *Engine, l *manifest.Listing, base, carry *manifest.Manifest, r *run) {
	m := &manifest.Manifest{
		Site: e.ID(), Origin: l.Origin, Dirs: l.Dirs, Redirects: l.Redirects, Headers: l.Headers, Serving: e.Serving,
		Routing: p.worker.Routing,
		Assets:  make([]manifest.Asset, 0, len(l.Files)),
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
			p.Removed = append(p.Removed, plan.Change{Path: before[0].Path, Size: before[0].Size})
			before = before[1:]
		}
		a := f.Asset
		ref, ok := known[a.Content()]
		if carry != nil && sameContent(f, before) {
			ref, ok = before[0].Blob, true
		}
		switch {
		case len(before) == 0 || before[0].Path != f.Path:
			p.Added = append(p.Added, plan.Change{Path: f.Path, Size: f.Size})
		case a.Content() == before[0].Content() && a.ContentType == before[0].ContentType:
			a.Modified = before[0].Modified
			p.Unchanged++
			before = before[1:]
		default:
			p.Changed = append(p.Changed, plan.Change{Path: f.Path, Size: f.Size, Before: before[0].Size})
			before = before[1:]
		}
		if a.Blob.Hash.IsZero() || !ok {
			ref = manifest.Ref{Hash: a.Blob.Hash, Nonce: r.nonce.For(a)}
			p.uploads = append(p.uploads, manifest.File{Asset: a, Open: f.Open})
			if !a.Blob.Hash.IsZero() {
				known[a.Content()] = ref // equal bytes at another path share the blob
			}
		}
		a.Blob = ref
		m.Assets = append(m.Assets, a)
	}
	for _, a := range before {
		p.Removed = append(p.Removed, plan.Change{Path: a.Path, Size: a.Size})
	}
	p.manifest = m
}

// count fills in what the uploads cost.
func (p *draft) count(e *Engine, carry *manifest.Manifest) {
	p.Blobs, p.Bytes = 0, 0
	for _, f := range p.uploads {
		p.Blobs += f.Blobs()
		p.Bytes += f.Size
	}
	p.replaced = nil
	if carry != nil && slices.ContainsFunc(p.uploads, func(f manifest.File) bool { return f.Chunked() }) {
		p.replaced = replacedChunked(carry, p.manifest)
	}
	p.AtMost = len(p.replaced) > 0
	p.Writes = p.Blobs + 2 // the stored manifest and the record
	if e.Target.InKV() {
		p.Writes += 3 // the served manifest, the version and the pointer
	}
}

// sameContent reports whether a file has the same content live. before begins at its
// path or after it.
func sameContent(f *manifest.File, before []manifest.Asset) bool {
	return len(before) > 0 && before[0].Path == f.Path && before[0].Content() == f.Content()
}

// moved returns the live blobs of files whose content is live at another path. Files
// that did not change are not looked up, so the cost depends on the change.
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
		if !sameContent(f, before) {
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

// replacedChunked lists the chunked assets whose content the next manifest does not
// have. The files that replace them may share chunks with them.
func replacedChunked(live, next *manifest.Manifest) []manifest.Asset {
	remains := make(map[manifest.Content]bool)
	for _, a := range next.Assets {
		remains[a.Content()] = true
	}
	var out []manifest.Asset
	for _, a := range live.Assets {
		if a.Chunked() && !remains[a.Content()] {
			out = append(out, a)
		}
	}
	return out
}
