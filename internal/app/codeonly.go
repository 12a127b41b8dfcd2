package app

import (
	"context"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// codeOnly is the source of a Worker that no files go with: it says which commit
// is deployed, and lists nothing.
type codeOnly struct{ kvsync.Source }

// Origin implements [kvsync.Source]: it is the same whatever else changes.
func (c codeOnly) Origin(ctx context.Context) (kvsync.Origin, error) {
	o, err := c.Source.Origin(ctx)
	o.ID, o.Dir = kvsync.NoFiles, ""
	return o, err
}

// Files implements [kvsync.Source].
func (c codeOnly) Files(ctx context.Context, _ *kvsync.Manifest) (*kvsync.Listing, error) {
	o, err := c.Origin(ctx)
	return &kvsync.Listing{Origin: o}, err
}
