package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Verification is what [Engine.Verify] found.
type Verification struct {
	Deployments []VerifiedDeployment `json:"deployments"`
	// Keys counts the keys below the site's prefix, Unrooted those that no retained
	// deployment names.
	Keys     int `json:"keys"`
	Unrooted int `json:"unrooted"`
	// Overlay is the result for what was written at run time, nil without any.
	Overlay *VerifiedOverlay `json:"overlay,omitempty"`
}

// VerifiedDeployment is the result for one deployment.
type VerifiedDeployment struct {
	Deployment string `json:"deployment"`
	Version    string `json:"version_id"`
	Live       bool   `json:"live,omitempty"`
	Retained   bool   `json:"retained"`
	Files      int    `json:"files"`
	// Missing are pathnames whose blob, or a chunk of it, does not exist. Corrupt
	// are those whose blob does not have the hash in its key.
	Missing []string `json:"missing,omitempty"`
	Corrupt []string `json:"corrupt,omitempty"`
	// Problem is why the manifest or version of the deployment cannot be read, or
	// "".
	Problem string `json:"problem,omitempty"`
}

// Whole reports whether everything that is retained exists. What is not retained may be
// missing; Verify reports it for those who roll back in the dashboard.
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
	if err := e.layout.lacks(commandVerify); err != nil {
		return nil, err
	}
	past, err := e.Past(ctx, site.Lookup{Otherwise: e.Policy()})
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.Site)
	} else if err != nil {
		return nil, err
	}
	v := &verifier{Engine: e, out: &Verification{}, readData: readData, namespaces: make(map[place]map[string]bool),
		chunks: make(indexes), checked: make(map[manifest.Ref]bool), rooted: make(map[string]bool)}
	seen := make(map[string]bool)
	for i := range past.Deployments {
		d := &past.Deployments[i]
		if d.Missing && !seen[d.Version] {
			seen[d.Version] = true
			v.out.Deployments = append(v.out.Deployments, VerifiedDeployment{Deployment: d.ID, Version: d.Version,
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

// count counts the keys in the namespace of the live deployment.
func (v *verifier) count(live *version.Meta) {
	of := v.layoutOf(live)
	for key := range v.namespaces[place{live.Namespace, of.prefix()}] {
		own, prunable := of.counts(key)
		if own {
			v.out.Keys++
		}
		if prunable && !v.rooted[key] {
			v.out.Unrooted++
		}
	}
}

// verifier is one run of Verify.
type verifier struct {
	*Engine
	out        *Verification
	readData   bool
	namespaces map[place]map[string]bool // the site's keys, listed once
	chunks     indexes
	checked    map[manifest.Ref]bool // of blobs that were read: whether they have the hash in their key
	rooted     map[string]bool
}

func (v *verifier) deployment(ctx context.Context, d *version.Deployment) error {
	out := VerifiedDeployment{Deployment: d.ID, Version: d.Version, Live: d.Live, Retained: d.Retained}
	if err := v.layoutOf(d.Meta).verify(ctx, v, d, &out); err != nil {
		return err
	}
	v.out.Deployments = append(v.out.Deployments, out)
	return nil
}

// listed returns the keys in a version's namespace that may be the site's. Each
// namespace is listed once.
func (v *verifier) listed(ctx context.Context, of keeper, m *version.Meta) (map[string]bool, error) {
	in := place{m.Namespace, of.prefix()}
	if v.namespaces[in] == nil {
		there, err := v.KeysBelow(ctx, v.Account.Store(m.Namespace), in.prefix)
		if err != nil {
			return nil, err
		}
		v.namespaces[in] = there
	}
	return v.namespaces[in], nil
}

// place is where a deployment's keys are.
type place struct{ namespace, prefix string }

// missing returns the assets whose blob does not exist. Keys that the listing lacks are
// requested one by one, because listings may be outdated. The indexes must have been
// read.
func (e *Engine) missing(ctx context.Context, s cloud.Store, m *manifest.Manifest, chunks indexes,
	listed map[string]bool) ([]manifest.Asset, error) {
	k := e.Keys()
	gone := make(map[manifest.Ref]bool) // of blobs that are requested by key
	var ask []manifest.Ref
	for _, a := range m.Assets {
		if x, read := chunks[a.Blob]; read {
			gone[a.Blob] = errors.Is(x.err, cloud.ErrNotFound)
		}
		for _, ref := range chunks.blobsOf(a) {
			if _, asked := gone[ref]; !asked && !listed[k.Blob(ref)] {
				gone[ref] = false
				ask = append(ask, ref)
			}
		}
	}
	answers := make([]bool, len(ask))
	err := e.EachValue(ctx, len(ask), func(ctx context.Context, i int) error {
		_, err := s.Get(ctx, k.Blob(ask[i]))
		answers[i] = errors.Is(err, cloud.ErrNotFound)
		if answers[i] {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read blobs that the listing lacks: %w", err)
	}
	for i, ref := range ask {
		gone[ref] = answers[i]
	}
	var missing []manifest.Asset
	for _, a := range m.Assets {
		if slices.ContainsFunc(chunks.blobsOf(a), func(ref manifest.Ref) bool { return gone[ref] }) {
			missing = append(missing, a)
		}
	}
	return missing, nil
}

// readBlobs reads each blob that was not read before, and records whether it has the
// hash in its key. An index that could be read has it.
func (v *verifier) readBlobs(ctx context.Context, s cloud.Store, m *manifest.Manifest) error {
	var todo []manifest.Ref
	for _, a := range m.Assets {
		for _, ref := range v.chunks.blobsOf(a) {
			index := a.Chunked() && ref == a.Blob
			if _, ok := v.checked[ref]; !ok && !index {
				v.checked[ref] = true
				todo = append(todo, ref)
			}
		}
	}
	good := make([]bool, len(todo))
	err := v.EachValue(ctx, len(todo), func(ctx context.Context, i int) error {
		b, err := s.Get(ctx, v.Keys().Blob(todo[i]))
		if errors.Is(err, cloud.ErrNotFound) {
			good[i] = true // it is reported as missing
			return nil
		} else if err != nil {
			return fmt.Errorf("read blob %s: %w", todo[i], err)
		}
		good[i] = manifest.HashOf(b) == todo[i].Hash
		return nil
	})
	for i, ref := range todo {
		v.checked[ref] = good[i]
	}
	return err
}

// corrupt returns the paths of blobs that were read and do not have the hash in their
// key.
func (v *verifier) corrupt(m *manifest.Manifest) []string {
	var bad []string
	for _, a := range m.Assets {
		damaged := func(ref manifest.Ref) bool {
			good, read := v.checked[ref]
			return read && !good
		}
		if errors.Is(v.chunks[a.Blob].err, manifest.ErrDamaged) || slices.ContainsFunc(v.chunks.blobsOf(a), damaged) {
			bad = append(bad, a.Path)
		}
	}
	return bad
}
