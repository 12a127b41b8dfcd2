package kvsync

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/version"
)

// VerifiedOverlay is the result for the edits made at run time.
type VerifiedOverlay struct {
	// Edits counts the pathnames, Files those with content.
	Edits int `json:"edits"`
	Files int `json:"files"`
	// Missing and Corrupt are as in [layout.VerifiedDeployment].
	Missing []string `json:"missing,omitempty"`
	Corrupt []string `json:"corrupt,omitempty"`
	// Problem is why the record cannot be read, or "".
	Problem string `json:"problem,omitempty"`
}

// Whole reports whether everything that was written at run time exists. It is true if
// nothing was written.
func (v *VerifiedOverlay) Whole() bool {
	return v == nil || v.Problem == "" && len(v.Missing) == 0 && len(v.Corrupt) == 0
}

// overlay checks the overlay of the live deployment. It uses the listing of the namespace
// that was made before, so it costs one request for the record, and none if nothing was
// written.
func (v *verification) overlay(ctx context.Context, live *version.Deployment) (*VerifiedOverlay, error) {
	listed := v.Known(v.e.layoutOf(live.Meta), live.Meta)
	if !listed[v.Keys().OverlayRecord()] {
		return nil, nil
	}
	store := v.Account.Store(live.Meta.Namespace)
	o, err := overlay.Read(ctx, store, v.ID())
	if errors.Is(err, overlay.ErrRecord) {
		return &VerifiedOverlay{Problem: err.Error()}, nil
	} else if err != nil {
		return nil, err
	}
	out := &VerifiedOverlay{Edits: len(o.Entries)}
	m := &manifest.Manifest{}
	for i := range o.Entries {
		if o.Entries[i].Content != nil {
			m.Assets = append(m.Assets, o.Entries[i].Asset())
		}
	}
	out.Files = len(m.Assets)
	// The blobs of the overlay have keys of their own.
	over := v.Client.Blobs(v.Keys().Overlay())
	if err := over.ReadIndexes(ctx, store, m.Assets); err != nil {
		return nil, err
	}
	missing, err := over.Missing(ctx, store, m, listed)
	if err != nil {
		return nil, err
	}
	for _, a := range missing {
		out.Missing = append(out.Missing, a.Path)
	}
	if v.ReadData {
		if err := over.Read(ctx, store, m); err != nil {
			return nil, err
		}
	}
	out.Corrupt = over.Corrupt(m)
	return out, nil
}
