package kvsync

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Verification is what [Engine.Verify] found.
type Verification struct {
	Deployments []VerifiedDeployment `json:"deployments"`
	// Keys counts what lies below the site's prefix; Unrooted what nothing retained names.
	Keys     int `json:"keys"`
	Unrooted int `json:"unrooted"`
}

// VerifiedDeployment is one deployment's closure.
type VerifiedDeployment struct {
	Deployment string `json:"deployment"`
	Version    string `json:"version_id"`
	Live       bool   `json:"live,omitempty"`
	Retained   bool   `json:"retained"`
	Files      int    `json:"files"`
	// Missing and Corrupt are pathnames whose blob is not there, or does not
	// hash to what its key says.
	Missing []string `json:"missing,omitempty"`
	Corrupt []string `json:"corrupt,omitempty"`
	// Problem is why the deployment's manifest cannot be read, or "".
	Problem string `json:"problem,omitempty"`
}

// Whole reports whether everything that is retained is there. What is not
// retained may be missing: Verify says so, for those who roll back in the
// dashboard.
func (v *Verification) Whole() bool {
	for _, d := range v.Deployments {
		if d.Retained && (d.Problem != "" || len(d.Missing) > 0 || len(d.Corrupt) > 0) {
			return false
		}
	}
	return true
}

// Verify checks that every blob that a deployment names exists. With readData
// it also reads each blob of what is retained, once, and hashes it.
func (e *Engine) Verify(ctx context.Context, readData bool) (*Verification, error) {
	past, err := e.past(ctx, everyActivation)
	if errors.Is(err, ErrNotFound) {
		return nil, stop(GuardTarget, "deploy it first", "there is no Worker %s", e.Site)
	} else if err != nil {
		return nil, err
	}
	out := &Verification{}
	checked := make(map[Ref]bool) // of blobs: whether they hash to their key
	rooted := make(map[string]bool)
	seen := make(map[string]bool)
	var store Store
	for _, d := range past {
		if d.meta == nil || seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		s := e.Account.Store(d.meta.Namespace)
		if d.Live {
			store = s
		}
		v := VerifiedDeployment{Deployment: d.ID, Version: d.Version, Live: d.Live, Retained: d.Retained}
		m, err := e.manifest(ctx, d.meta)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			v.Problem = err.Error()
			out.Deployments = append(out.Deployments, v)
			continue
		}
		v.Files = len(m.Assets)
		missing, err := e.missing(ctx, s, m)
		if err != nil {
			return nil, err
		}
		for _, a := range missing {
			v.Missing = append(v.Missing, a.Path)
		}
		if d.Retained {
			markRooted(rooted, keys(e.Site), d.meta, m)
		}
		if readData && d.Retained {
			if v.Corrupt, err = e.corrupt(ctx, s, m, checked); err != nil {
				return nil, err
			}
		}
		out.Deployments = append(out.Deployments, v)
	}
	if store == nil {
		return out, nil
	}
	err = e.eachKey(ctx, store, keys(e.Site).prefix(), func(k KeyInfo) error {
		out.Keys++
		if !rooted[k.Name] {
			out.Unrooted++
		}
		return nil
	})
	return out, err
}

// missing returns the assets whose blob is not there. What a listing lacks is
// asked for by key, for listings lag behind.
func (e *Engine) missing(ctx context.Context, s Store, m *Manifest) ([]Asset, error) {
	k := keys(e.Site)
	there := make(map[string]bool, len(m.Assets))
	err := e.eachKey(ctx, s, k.blobs(), func(i KeyInfo) error {
		there[i.Name] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	var unlisted []Asset
	for _, a := range m.Assets {
		if key := k.blob(a.Blob); !there[key] {
			there[key] = true // ask once for each blob
			unlisted = append(unlisted, a)
		}
	}
	gone := make([]bool, len(unlisted))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i, a := range unlisted {
		g.Go(func() error {
			_, err := s.Get(ctx, k.blob(a.Blob))
			if errors.Is(err, ErrNotFound) {
				gone[i] = true
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("ask for blobs that the listing lacks: %w", err)
	}
	missing := unlisted[:0]
	for i, a := range unlisted {
		if gone[i] {
			missing = append(missing, a)
		}
	}
	return missing, nil
}

// corrupt reads each blob that was not read before and returns the paths of
// those that do not hash to their key.
func (e *Engine) corrupt(ctx context.Context, s Store, m *Manifest, checked map[Ref]bool) ([]string, error) {
	var todo []Ref
	for _, a := range m.Assets {
		if _, ok := checked[a.Blob]; !ok {
			checked[a.Blob] = true
			todo = append(todo, a.Blob)
		}
	}
	good := make([]bool, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, min(e.Parallel, int(e.Memory/MaxValueBytes))))
	for i, ref := range todo {
		g.Go(func() error {
			b, err := s.Get(gctx, keys(e.Site).blob(ref))
			if errors.Is(err, ErrNotFound) {
				good[i] = true // it is missing, and reported as that
				return nil
			} else if err != nil {
				return fmt.Errorf("read blob %s: %w", ref, err)
			}
			good[i] = HashOf(b) == ref.Hash
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, ref := range todo {
		checked[ref] = good[i]
	}
	var bad []string
	for _, a := range m.Assets {
		if !checked[a.Blob] {
			bad = append(bad, a.Path)
		}
	}
	return bad, nil
}

// eachKey lists every key with the prefix. Only an empty cursor is the end: a
// page can be empty while more remain.
func (e *Engine) eachKey(ctx context.Context, s Store, prefix string, each func(KeyInfo) error) error {
	cursor := ""
	for {
		page, next, err := s.List(ctx, prefix, cursor)
		if err != nil {
			return fmt.Errorf("list the keys of %s: %w", e.Site, err)
		}
		for _, k := range page {
			if err := each(k); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if next == cursor {
			return fmt.Errorf("list the keys of %s: the API gave the same cursor twice", e.Site)
		}
		cursor = next
	}
}
