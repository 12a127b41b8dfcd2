package app

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// codeOnly is the source of a Worker without files. It has the commit, and lists no files.
type codeOnly struct{ manifest.Source }

// Origin implements [manifest.Source]. Its ID never changes.
func (c codeOnly) Origin(ctx context.Context) (manifest.Origin, error) {
	o, err := c.Source.Origin(ctx)
	o.ID, o.Dir = manifest.NoFiles, ""
	return o, err
}

// Changed implements [manifest.Source].
func (codeOnly) Changed(context.Context, manifest.Origin, []manifest.Dir) ([]string, bool, error) {
	return nil, false, nil
}

// Files implements [manifest.Source].
func (c codeOnly) Files(ctx context.Context, _ *manifest.Manifest) (*manifest.Listing, error) {
	o, err := c.Origin(ctx)
	return &manifest.Listing{Origin: o}, err
}
