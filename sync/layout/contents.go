package layout

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Contents are the hashes of the files that a deployment serves, by pathname. Removed
// files that stay reachable are among them.
type Contents map[string]manifest.Hash

// ContentsOf are the contents that a manifest names.
func ContentsOf(m *manifest.Manifest) Contents {
	out := make(Contents, len(m.Assets)+len(m.Retired))
	for _, r := range m.Retired {
		out[r.Path] = r.Blob.Hash
	}
	for _, a := range m.Assets {
		out[a.Path] = a.Blob.Hash
	}
	return out
}

// Forget notes what the new deployment removes permanently, if it forgets: the contents of
// the live deployment and of those that a rollback left, without the contents of next.
// If the live contents cannot be read, everything that next does not have is forgotten.
func (d *Draft) Forget(ctx context.Context, next Contents, left ...*manifest.Manifest) error {
	if !d.Forgets {
		return nil
	}
	live, err := d.LiveContents(ctx)
	switch {
	case errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged):
		d.Forgot = &version.Forgot{All: true}
		return nil
	case err != nil:
		return err
	}
	gone := make(map[manifest.Hash]bool)
	add := func(c Contents) {
		for _, h := range c {
			gone[h] = true
		}
	}
	add(live)
	for _, m := range left {
		add(ContentsOf(m))
	}
	for _, h := range next {
		delete(gone, h)
	}
	d.Forgot = version.NewForgot(gone)
	return nil
}
