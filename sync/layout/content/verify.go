package content

import (
	"context"
	"errors"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Verify checks that every blob of a deployment exists.
func (c *Content) Verify(ctx context.Context, v *layout.Verifier, d *version.Deployment,
	out *layout.VerifiedDeployment) error {
	s := v.Account.Store(d.Meta.Namespace)
	listed, err := v.Listed(ctx, c, d.Meta)
	if err != nil {
		return err
	}
	m, err := v.Stored(ctx, d.Meta)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		out.Retained = out.Retained && (!d.Uncertain || !errors.Is(err, cloud.ErrNotFound)) // a prune may delete it
		out.Problem = err.Error()
		return nil //nolint:nilerr // out.Problem reports it
	}
	out.Files = len(m.Assets)
	if err := v.Blobs.ReadIndexes(ctx, s, m.Assets); err != nil {
		return err
	}
	whole := d.Meta.WithKept(m.Manifest)
	missing, err := v.Blobs.Missing(ctx, s, whole, listed)
	if err != nil {
		return err
	}
	for _, a := range missing {
		out.Missing = append(out.Missing, a.Path)
	}
	out.Retained = out.Retained && (!d.Uncertain || len(missing) == 0)
	if d.Retained {
		markRooted(v.Rooted, v.Keys(), d.Meta, m, v.Blobs)
		if err := c.markNext(ctx, d.Meta, listed, v.Rooted); err != nil {
			out.Problem = err.Error()
			return ctx.Err()
		}
		if v.ReadData {
			if err := v.Blobs.Read(ctx, s, whole); err != nil {
				return err
			}
		}
	}
	out.Corrupt = v.Blobs.Corrupt(whole)
	return nil
}

// Counts implements [layout.Keeper].
func (c *Content) Counts(key string) (own, prunable bool) {
	class, _, _ := c.Keys().Parse(key)
	return true, class != manifest.KeyOther && class != manifest.KeyHold
}

// Check implements [layout.Keeper].
func (c *Content) Check(ctx context.Context, target, live *version.Deployment) (notices []manifest.Problem,
	err error) {
	var now *version.Meta
	if live != nil {
		now = live.Meta
	}
	stored, err := c.checkBlobs(ctx, target.Meta, now)
	if err != nil || now == nil || now.Overlay == nil {
		return nil, err
	}
	return c.uncovered(ctx, target, stored), nil
}

// Contents implements [layout.Keeper].
func (c *Content) Contents(ctx context.Context, m *version.Meta) (layout.Contents, error) {
	stored, err := c.Manifest(ctx, m)
	if err != nil {
		return nil, err
	}
	return layout.ContentsOf(stored), nil
}

// checkBlobs refuses if a blob or a chunk of the deployment does not exist that the live
// one does not have. A listing may be outdated, so keys that it lacks are requested one by
// one.
func (c *Content) checkBlobs(ctx context.Context, m, live *version.Meta) (*manifest.Manifest, error) {
	stored, now, err := c.unlike(ctx, m, live)
	switch {
	case errors.Is(err, cloud.ErrNotFound):
		return nil, guard.Stop(guard.Missing, finding.CaseManifestMissing, finding.Facts{Deployment: m.Deployment})
	case errors.Is(err, manifest.ErrDamaged):
		return nil, guard.Stop(guard.Missing, finding.CaseBlobsUnread, finding.Facts{Deployment: m.Deployment, Cause: err})
	case err != nil:
		return nil, err
	}
	store := c.Account.Store(m.Namespace)
	if err := c.checkParts(ctx, store, stored, now); err != nil {
		return nil, err
	}
	own := *stored.Manifest
	own.Assets = without(stored.Assets, now.Manifest)
	blobs := c.Blobs(c.Keys())
	if err := blobs.ReadIndexes(ctx, store, own.Assets); err != nil {
		return nil, err
	}
	needed := m.WithKept(&own)
	there, err := c.There(ctx, store, c.Keys().Blobs(), blobs.Keys(needed))
	if err != nil {
		return nil, err
	}
	missing, err := blobs.Missing(ctx, store, needed, there)
	if err != nil {
		return nil, err
	}
	for _, a := range own.Assets {
		if _, err := blobs.Chunks(a); errors.Is(err, manifest.ErrDamaged) {
			return nil, guard.Stop(guard.Missing, finding.CaseBlobsUnread, finding.Facts{Deployment: m.Deployment, Cause: err})
		}
	}
	if len(missing) > 0 {
		facts := finding.Facts{Deployment: m.Deployment, What: humanize.Count(len(missing), "blob"), Path: missing[0].Path}
		return nil, guard.Stop(guard.Missing, finding.CaseBlobsMissing, facts)
	}
	return stored.Manifest, nil
}

// checkParts refuses if the root or a part of a deployment does not exist, and the live deployment does not
// have it. The manifest may be from the cache, but the site's Worker reads its parts from KV.
func (c *Content) checkParts(ctx context.Context, store cloud.Store, target, live *site.Stored) error {
	if target.Tree == nil {
		return nil
	}
	own := slices.DeleteFunc(slices.Clone(target.Keys), func(key string) bool { return slices.Contains(live.Keys, key) })
	whole, err := c.Exist(ctx, store, own)
	if err == nil && !whole {
		err = guard.Stop(guard.Missing, finding.CaseManifestMissing, finding.Facts{Deployment: target.Deployment})
	}
	return err
}

// unlike reads the manifest of a deployment and that of the live one, as far as they differ. The live one
// has no files if it cannot be read, or if it is elsewhere.
func (c *Content) unlike(ctx context.Context, m, live *version.Meta) (of, now *site.Stored, err error) {
	now = &site.Stored{Manifest: &manifest.Manifest{}}
	if !c.Owns(live) || live.Namespace != m.Namespace {
		of, err = c.Stored(ctx, m)
		return of, now, err
	}
	target, err := c.Open(ctx, m, m.Manifest)
	if err != nil {
		return nil, nil, err
	}
	if other, err := c.Open(ctx, live, live.Manifest); err == nil {
		if err = target.ReadUnlike(other); err == nil {
			return target, other, nil
		}
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	err = target.Read((*parts.Tree).ReadAll)
	return target, now, err
}

// without are the assets whose blobs a manifest does not have.
func without(assets []manifest.Asset, m *manifest.Manifest) (own []manifest.Asset) {
	has := make(map[manifest.Ref]bool, len(m.Assets))
	for _, a := range m.Assets {
		has[a.Blob] = true
	}
	for _, a := range assets {
		if !has[a.Blob] {
			own = append(own, a)
		}
	}
	return own
}
