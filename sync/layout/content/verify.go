package content

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
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
	m, err := v.Manifest(ctx, d.Meta)
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
	whole := d.Meta.WithKept(m)
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
	stored, err := c.Manifest(ctx, m)
	switch {
	case errors.Is(err, cloud.ErrNotFound):
		return nil, guard.Stop(guard.Missing, finding.CaseManifestMissing, finding.Facts{Deployment: m.Deployment})
	case errors.Is(err, manifest.ErrDamaged):
		return nil, guard.Stop(guard.Missing, finding.CaseBlobsUnread, finding.Facts{Deployment: m.Deployment, Cause: err})
	case err != nil:
		return nil, err
	}
	store := c.Account.Store(m.Namespace)
	own := *stored
	if own.Assets, err = c.without(ctx, stored.Assets, m, live); err != nil {
		return nil, err
	}
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
	return stored, nil
}

// without are the assets of a deployment whose blobs the live one does not have: all of
// them, if what it has cannot be read.
func (c *Content) without(ctx context.Context, all []manifest.Asset, m, live *version.Meta) ([]manifest.Asset, error) {
	if !c.Owns(live) || live.Namespace != m.Namespace {
		return all, nil
	}
	now, err := c.Manifest(ctx, live)
	if err != nil {
		return all, ctx.Err()
	}
	has := make(map[manifest.Ref]bool, len(now.Assets))
	for _, a := range now.Assets {
		has[a.Blob] = true
	}
	var own []manifest.Asset
	for _, a := range all {
		if !has[a.Blob] {
			own = append(own, a)
		}
	}
	return own, nil
}
