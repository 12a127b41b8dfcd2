package content

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Plan implements [layout.Deployer].
func (c *Content) Plan(ctx context.Context, l *version.Live, draft *layout.Draft, r *layout.Run,
) (layout.Planned, error) {
	w, opt, origin := r.Worker, r.Options, draft.Origin
	d := &contentDraft{Draft: draft, c: c, l: l, r: r}
	d.Worker, d.Hash = w, version.WorkerHash(w, c.Serving, c.Rights)
	if err := c.checkCache(l, w); err != nil {
		return nil, err
	}
	notices, err := c.Target.Admit(w, c.Serving.Overlay)
	if err != nil {
		return nil, err
	}
	sameWorker := c.Owns(l.Meta) && l.Meta.Worker == d.Hash && (c.Namespace == "" || c.Namespace == l.Meta.Namespace)
	d.WorkerChanged = !sameWorker
	mayBeUnchanged := sameWorker && l.HasAllTraffic() && !opt.Always()
	unchanged := func(o manifest.Origin) bool { return o.ID != "" && mayBeUnchanged && o.ID == l.Meta.Source }
	if unchanged(origin) && d.MarkUnchanged(l, c.Target.InKV()) {
		return d, nil
	}
	order, err := r.Order.Check(ctx, l, d.Draft, r)
	if err != nil {
		return nil, err
	}
	if unchanged(origin) {
		d.MarkReactivated(l, order)
		return d, nil
	}
	namespace := c.FindNamespace(ctx, layout.OfLayout(l, c))
	listing, stored, err := c.list(ctx, l, r, origin, mayBeUnchanged)
	if err != nil {
		return nil, err
	}
	base := stored.Manifest
	if d.Namespace, err = namespace(); err != nil {
		return nil, err
	}
	d.pulled, d.discarded, d.Origin = listing.Pulled, listing.Discarded, listing.Origin
	d.Ignored, d.Excluded = listing.Ignored, listing.Excluded
	if origin.ID == "" {
		if err := r.Order.CheckContent(ctx, l, d.Draft, opt); err != nil {
			return nil, err
		}
	}
	if unchanged(d.Origin) {
		if !d.MarkUnchanged(l, c.Target.InKV()) {
			d.MarkReactivated(l, order)
		}
		return d, nil
	}
	d.Notices = slices.Concat(notices, listing.Notices, order)
	d.PruneDue = c.Owns(l.Meta) && c.PruneDue(time.Unix(l.Meta.Pruned, 0))
	carry, reachable := c.usable(l, base, opt)
	if carry != nil {
		d.tree, d.liveFiles = stored.Tree, len(carry.Assets)
	}
	r.MoveTo(d.Namespace, c.Keys())
	d.compare(c, listing, base, carry, r)
	d.Kept = keptByBrowsers(d.Changed, base)
	d.count(c, carry)
	if reachable != nil && !opt.Forget && !opt.KeepNone {
		c.retire(ctx, l, d, reachable)
	}
	if err := d.check(ctx, base); err != nil {
		return nil, err
	}
	c.useAhead(ctx, l, d, carry)
	if err := c.planOverlay(ctx, l, d, base, opt); err != nil {
		return nil, err
	}
	if err := d.checkSize(); err != nil {
		return nil, err
	}
	d.Retired = retiredFiles(d.Manifest.Retired)
	if d.companion, err = c.planCompanion(ctx, l, d, opt); d.companion != nil {
		d.Companion = overlay.CompanionName(c.Site)
	}
	return d, err
}

// useAhead replaces uploads of the plan by what was uploaded ahead.
func (c *Content) useAhead(ctx context.Context, l *version.Live, d *contentDraft, carry *manifest.Manifest) {
	if !d.Origin.IsCommit() || d.Namespace == "" || !d.worthReceipt() || d.r.Options.Always() || d.r.IgnoreReceipt {
		return
	}
	if there := c.readReceipt(ctx, l, d); there != nil {
		d.useReceipt(there, d.r.Nonce)
		d.count(c, carry)
	}
}

// usable returns the live manifest twice: as far as the new one may name its blobs, and as far as
// open tabs may ask for its removed files. It is nil where there is no such use.
func (c *Content) usable(l *version.Live, base *manifest.Manifest,
	opt plan.Options) (carry, reachable *manifest.Manifest) {
	if c.moves(l) {
		return nil, nil // a new namespace has no live blob
	}
	if !trusted(l, opt) {
		return nil, base
	}
	return base, base
}

// moves reports whether the site gets another namespace.
func (c *Content) moves(l *version.Live) bool {
	return l.Meta != nil && c.Namespace != "" && c.Namespace != l.Meta.Namespace
}

// trusted reports whether the blobs of the live version exist. A repair trusts none, and what another
// tool made live again may not have been retained.
func trusted(l *version.Live, opt plan.Options) bool {
	return !opt.Repair && (l.Displaced() == "" || l.Displaced() == l.Meta.Deployment)
}

// check refuses what a person has to allow, and bindings that would have no resource.
func (d *contentDraft) check(ctx context.Context, base *manifest.Manifest) error {
	if err := d.CheckShrink(base, d.r.Options); err != nil {
		return err
	}
	if err := d.CheckIgnored(base, d.r.Options); err != nil {
		return err
	}
	return d.FindResources(ctx, d.l, d.r.Worker.Bindings, d.r.Client)
}

// list reads the files of the source. The files of a folder have to be hashed to find
// changes, and that needs no manifest. A commit has the id of its tree: its walk uses
// the live manifest to read only what changed.
func (c *Content) list(ctx context.Context, l *version.Live, r *layout.Run, o manifest.Origin,
	mayStay bool) (listing *manifest.Listing, base site.Stored, err error) {
	e, src := c.Client, r.Source
	if !c.Owns(l.Meta) { // another layout has nothing to reuse
		listing, err = src.Files(ctx, nil)
		return listing, base, err
	}
	if o.Kind == "folder" {
		if listing, err = src.Files(ctx, &manifest.Manifest{}); err != nil {
			return nil, base, err
		}
		if mayStay && listing.Origin.ID == l.Meta.Source {
			return listing, base, nil
		}
	}
	var changes manifest.Source
	if !c.readsAll(l, r.Options) {
		changes = src
	}
	live, err := e.Base(ctx, l.Meta, changes)
	switch damaged := errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged); {
	case damaged && r.Options.Repair:
		base.Manifest = &manifest.Manifest{}
	case damaged:
		return nil, base, guard.Stop(guard.Damaged, finding.CaseDamaged, finding.Facts{Deployment: l.Meta.Deployment})
	case err != nil:
		return nil, base, err
	default:
		base = *live
	}
	if o.Kind != "folder" {
		listing, err = src.Files(ctx, base.Manifest)
	}
	return listing, base, err
}

// readsAll reports whether the plan needs the whole live manifest: what is not live any more, or is
// removed permanently, has to be compared with all of it.
func (c *Content) readsAll(l *version.Live, opt plan.Options) bool {
	return opt.Always() || l.Message().Rollback || c.moves(l) || !trusted(l, opt) || c.Serving.Overlay
}

// compare fills in the plan and the new manifest. It reuses blobs of the live manifest
// and blobs that this run has confirmed, and no others.
func (d *contentDraft) compare(e *Content, l *manifest.Listing, base, carry *manifest.Manifest, r *layout.Run) {
	m := &manifest.Manifest{
		Site: e.ID(), Origin: l.Origin, Dirs: l.Dirs, Redirects: l.Redirects, Headers: l.Headers, Serving: e.Serving,
		Routing: d.Worker.Routing,
		Assets:  make([]manifest.Asset, 0, len(l.Files)),
	}
	var before []manifest.Asset
	if base != nil {
		before = base.Assets
	}
	known := moved(l.Files, carry)
	maps.Copy(known, r.Confirmed)
	for i := range l.Files {
		f := &l.Files[i]
		for len(before) > 0 && before[0].Path < f.Path {
			d.Removed = append(d.Removed, plan.Change{Path: before[0].Path, Size: before[0].Size})
			before = before[1:]
		}
		a := f.Asset
		ref, ok := known[a.Content()]
		if carry != nil && sameContent(f, before) {
			ref, ok = before[0].Blob, true
		}
		switch {
		case len(before) == 0 || before[0].Path != f.Path:
			d.Added = append(d.Added, plan.Change{Path: f.Path, Size: f.Size})
		case a.Content() == before[0].Content() && a.ContentType == before[0].ContentType:
			a.Modified = before[0].Modified
			d.Unchanged++
			before = before[1:]
		default:
			d.Changed = append(d.Changed, plan.Change{Path: f.Path, Size: f.Size, Before: before[0].Size})
			before = before[1:]
		}
		if a.Blob.Hash.IsZero() || !ok {
			ref = manifest.Ref{Hash: a.Blob.Hash, Nonce: r.Nonce.For(a)}
			d.Uploads = append(d.Uploads, manifest.File{Asset: a, Open: f.Open})
			if !a.Blob.Hash.IsZero() {
				known[a.Content()] = ref // equal bytes at another path share the blob
			}
		}
		a.Blob = ref
		m.Assets = append(m.Assets, a)
	}
	for _, a := range before {
		d.Removed = append(d.Removed, plan.Change{Path: a.Path, Size: a.Size})
	}
	if base != nil {
		m.Unread = base.Unread
		d.Unchanged += base.Unread
	}
	d.Manifest = m
}

// keptByBrowsers returns the changed files whose live content browsers do not
// request again.
func keptByBrowsers(changed []plan.Change, live *manifest.Manifest) (paths []string) {
	if len(changed) == 0 {
		return nil
	}
	kept := live.Kept()
	for _, c := range changed {
		if kept(c.Path) {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// count fills in what the uploads cost.
func (d *contentDraft) count(e *Content, carry *manifest.Manifest) {
	d.Blobs, d.Bytes = 0, 0
	for _, f := range d.Uploads {
		d.Blobs += f.Blobs()
		d.Bytes += f.Size
	}
	d.replaced = nil
	if carry != nil && slices.ContainsFunc(d.Uploads, func(f manifest.File) bool { return f.Chunked() }) {
		d.replaced = replacedChunked(carry, d.Manifest)
	}
	inParts, exact := d.partWrites()
	d.AtMost = len(d.replaced) > 0 || !exact
	d.Writes = d.Blobs + 2 + inParts // the stored manifest and the record
	if e.Target.InKV() {
		d.Writes += 3 // the served manifest, the version and the pointer
	}
}

// sameContent reports whether the live file at the same path has the same content. before
// are the live assets from the first one whose path is not less than the path of the file.
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
