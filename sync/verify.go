package kvsync

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Verification is what [Engine.Verify] found.
type Verification struct {
	Deployments []layout.VerifiedDeployment `json:"deployments"`
	// Keys counts the keys below the site's prefix, Unrooted those that no retained
	// deployment names.
	Keys     int `json:"keys"`
	Unrooted int `json:"unrooted"`
	// Overlay is the result for the overlay, or nil if the site has none.
	Overlay *VerifiedOverlay `json:"overlay,omitempty"`
}

// Whole reports whether everything that is retained exists. Blobs of other deployments may be
// missing. Verify reports them, too, because the dashboard can roll back to those deployments.
func (v *Verification) Whole() bool {
	for _, d := range v.Deployments {
		if d.Retained && (d.Problem != "" || len(d.Missing) > 0 || len(d.Corrupt) > 0) {
			return false
		}
	}
	return v.Overlay.Whole()
}

// Verify checks that every blob of each deployment exists, and every chunk that its
// indexes name. With readData it also reads the blobs of retained deployments, each
// once, and checks their hashes.
func (e *Engine) Verify(ctx context.Context, readData bool) (*Verification, error) {
	if err := e.layout.Lacks(layout.CommandVerify); err != nil {
		return nil, err
	}
	past, err := e.past(ctx)
	if err != nil {
		return nil, err
	}
	v := &verification{layout.NewVerifier(e.client, readData), e, &Verification{}}
	seen := make(map[string]bool)
	for i := range past.Deployments {
		d := &past.Deployments[i]
		if d.Missing && !seen[d.Version] {
			seen[d.Version] = true
			v.out.Deployments = append(v.out.Deployments, layout.VerifiedDeployment{Deployment: d.ID, Version: d.Version,
				Retained: d.Retained,
				Problem:  fmt.Sprintf("its version, the blob %s, is missing", d.Version)})
		}
		if d.Meta == nil || seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		if err := v.deployment(ctx, d); err != nil {
			return nil, err
		}
	}
	if live := past.Live(); live != nil {
		v.count(live.Meta)
		if v.out.Overlay, err = v.overlay(ctx, live); err != nil {
			return nil, err
		}
	}
	return v.out, nil
}

// count sets Keys and Unrooted, for the namespace of the live deployment.
func (v *verification) count(live *version.Meta) {
	of := v.e.layoutOf(live)
	for key := range v.Known(of, live) {
		own, prunable := of.Counts(key)
		if own {
			v.out.Keys++
		}
		if prunable && !v.Rooted[key] {
			v.out.Unrooted++
		}
	}
}

// verification is a running Verify. out is its result so far.
type verification struct {
	*layout.Verifier
	e   *Engine
	out *Verification
}

func (v *verification) deployment(ctx context.Context, d *version.Deployment) error {
	out := layout.VerifiedDeployment{Deployment: d.ID, Version: d.Version, Live: d.Live, Retained: d.Retained}
	if err := v.e.layoutOf(d.Meta).Verify(ctx, v.Verifier, d, &out); err != nil {
		return err
	}
	v.out.Deployments = append(v.out.Deployments, out)
	return nil
}
