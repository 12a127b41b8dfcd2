package kvassets

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Check refuses if a file of the index of a version is missing, which the index of the
// live one does not name.
func (k *kvAssets) Check(ctx context.Context, d, live *version.Deployment) ([]manifest.Problem, error) {
	m := d.Meta
	record, err := k.indexOf(ctx, m)
	if errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged) {
		return nil, guard.Stop(guard.Missing, finding.CaseBlobsUnread, finding.Facts{Deployment: m.Deployment, Cause: err})
	} else if err != nil {
		return nil, err
	}
	there := make(map[string]bool)
	if live != nil && k.Owns(live.Meta) && live.Meta.Namespace == m.Namespace {
		if now, err := k.indexOf(ctx, live.Meta); err == nil {
			now.Index.Mark(there)
		}
	}
	var keys []string
	for _, e := range record.Index {
		if !there[e.Key] {
			keys = append(keys, e.Key)
		}
	}
	store := k.Account.Store(m.Namespace)
	listed, err := k.There(ctx, store, k.Prefix(), keys)
	if err != nil {
		return nil, err
	}
	maps.Copy(there, listed)
	missing, err := k.missingOf(ctx, store, record, there)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	facts := finding.Facts{Deployment: m.Deployment, What: humanize.Count(len(missing), "file"), Path: missing[0]}
	return nil, guard.Stop(guard.Missing, finding.CaseBlobsMissing, facts)
}

// Contents implements [layout.Keeper].
func (k *kvAssets) Contents(ctx context.Context, m *version.Meta) (layout.Contents, error) {
	record, err := k.indexOf(ctx, m)
	if err != nil {
		return nil, err
	}
	return record.Served(), nil
}

// missingOf returns the pathnames whose key does not exist. Keys that the listing lacks
// are requested one by one, because listings may be outdated.
func (k *kvAssets) missingOf(ctx context.Context, s cloud.Store, r *Record, listed map[string]bool) ([]string,
	error) {
	gone := make([]bool, len(r.Index))
	err := k.EachValue(ctx, len(r.Index), func(ctx context.Context, i int) error {
		if listed[r.Index[i].Key] {
			return nil
		}
		_, err := s.Get(ctx, r.Index[i].Key)
		if gone[i] = errors.Is(err, cloud.ErrNotFound); gone[i] {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read files that the listing lacks: %w", err)
	}
	return r.PathsWhere(gone), nil
}

// Verify checks that every file of a deployment's index exists.
func (k *kvAssets) Verify(ctx context.Context, v *layout.Verifier, d *version.Deployment,
	out *layout.VerifiedDeployment) error {
	s := v.Account.Store(d.Meta.Namespace)
	listed, err := v.Listed(ctx, k, d.Meta)
	if err != nil {
		return err
	}
	record, err := k.indexOf(ctx, d.Meta)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		out.Problem = err.Error()
		return nil //nolint:nilerr // out.Problem reports it
	}
	out.Files = len(record.Index)
	if out.Missing, err = k.missingOf(ctx, s, record, listed); err != nil || !d.Retained {
		return err
	}
	for _, e := range record.Index {
		v.Rooted[e.Key] = true
	}
	if v.ReadData {
		out.Corrupt, err = k.corruptOf(ctx, s, record)
	}
	return err
}

// corruptOf reads every file, and returns the pathnames of those whose hash differs
// from the record.
func (k *kvAssets) corruptOf(ctx context.Context, s cloud.Store, r *Record) ([]string, error) {
	bad := make([]bool, len(r.Index))
	err := k.EachValue(ctx, len(r.Index), func(ctx context.Context, i int) error {
		_, err := cloud.ReadAs(ctx, s, r.Index[i].Key, r.Hashes[i].Whole)
		// Files that do not exist are reported as missing.
		if bad[i] = errors.Is(err, manifest.ErrDamaged); bad[i] || err == nil || errors.Is(err, cloud.ErrNotFound) {
			return nil
		}
		return fmt.Errorf("read %s: %w", r.Index[i].Key, err)
	})
	return r.PathsWhere(bad), err
}

// Counts recognises the site's keys by their form, because other tools may use the
// namespace.
func (k *kvAssets) Counts(key string) (own, prunable bool) {
	if strings.HasPrefix(key, Keys(k.Site).Prefix()) {
		return true, false
	}
	shaped := !strings.HasPrefix(key, Own) && kvAssetsShape.MatchString(key)
	return shaped, shaped
}
