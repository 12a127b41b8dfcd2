package site

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Manifest reads the stored manifest of a version, from the cache or with one request.
// A manifest whose hash differs from its name is an error.
func (c *Client) Manifest(ctx context.Context, m *version.Meta) (*manifest.Manifest, error) {
	ref, err := manifest.ParseRef(m.Manifest)
	if err != nil {
		return nil, fmt.Errorf("deployment %s: %w", m.Deployment, err)
	}
	key := c.Keys().Manifest(ref)
	if c.Cache != nil {
		if b, ok := c.Cache.Get(ref.String()); ok && manifest.HashOf(b) == ref.Hash {
			return manifest.DecodeStored(b)
		}
	}
	b, err := cloud.ReadAs(ctx, c.Account.Store(m.Namespace), key, ref.Hash.Whole)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of deployment %s: %w", m.Deployment, err)
	}
	decoded, err := manifest.DecodeStored(b)
	if err != nil {
		return nil, fmt.Errorf("deployment %s: %w", m.Deployment, err)
	}
	if decoded.Site != c.ID() {
		return nil, fmt.Errorf("the manifest of deployment %s belongs to the site %.80q", m.Deployment, decoded.Site)
	}
	if c.Cache != nil {
		c.Cache.Put(ref.String(), b)
	}
	return decoded, nil
}
