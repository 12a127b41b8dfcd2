package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
)

// Prune deletes keys that no root names. It deletes only keys below the site's prefix that
// kv-sync made and that are older than the grace period, and at most PruneCap of them. It
// deletes nothing if something that may keep blobs alive cannot be read, or if the listing
// fails or is empty. It also deletes nothing if nothing is live: the keys may be the rest of
// a failed first deploy, or KV may not show the live version yet.
func (e *Engine) Prune(ctx context.Context, opt layout.PruneOptions) (*layout.Pruned, error) {
	k, err := e.keeper(layout.CommandPrune)
	if err != nil {
		return nil, err
	}
	s, err := k.Sweep(ctx, opt)
	if err != nil {
		return nil, err
	}
	if opt.Over != "" && !slices.ContainsFunc(s.Before, func(a cloud.Activation) bool { return a.ID == opt.Over }) {
		return nil, guard.Stop(guard.Unread, finding.CasePruneShortList, finding.Facts{Site: e.client.Site})
	}
	if err := e.client.CheckClock(s.Grace); err != nil {
		return nil, err
	}
	out := s.Limited(e.client.PruneCap)
	if opt.DryRun || len(out.Keys)+len(s.Expired) == 0 {
		out.Deleted = len(out.Keys)
		return out, nil
	}
	if s.CheckUnchanged != nil {
		if err := s.CheckUnchanged(ctx); err != nil {
			return nil, err
		}
	}
	if out.Deleted, err = e.deleteAll(ctx, s.Store, out.Keys, s.Before); err != nil || out.Left > 0 {
		return out, err // records are deleted after the keys that they name
	}
	for some := range slices.Chunk(s.Expired, cloud.MaxBulkPairs) {
		if _, err := e.deleteAll(ctx, s.Store, some, s.Before); err != nil {
			return out, err
		}
	}
	return out, nil
}

// deleteAll deletes the keys, as long as the active version is the one from which the roots
// were read. Meanwhile a person may make a deployment live again that is not retained.
func (e *Engine) deleteAll(ctx context.Context, s cloud.Store, keys []string, before []cloud.Activation) (int, error) {
	left, err := cloud.DeleteConfirmed(ctx, guardedStore{s, e, before}, keys, 2*time.Second)
	if err == nil && len(left) > 0 {
		err = finding.New(finding.CasePruneIgnored,
			finding.Facts{Site: e.client.Site, What: humanize.Count(len(left), "key"), Cause: cloud.ErrIgnored})
	}
	return len(keys) - len(left), err
}

// guardedStore deletes only as long as the activations are those in before.
type guardedStore struct {
	cloud.Store
	e      *Engine
	before []cloud.Activation
}

// DeleteBulk implements [cloud.Store].
func (s guardedStore) DeleteBulk(ctx context.Context, keys []string) ([]string, error) {
	if err := s.e.checkNotOvertaken(ctx, s.before); errors.Is(err, cloud.ErrOvertaken) {
		return nil, guard.Stop(guard.Overtaken, finding.CasePruneSwitched, finding.Facts{Site: s.e.client.Site})
	} else if err != nil {
		return nil, err
	}
	unconfirmed, err := s.Store.DeleteBulk(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", s.e.client.Site, err)
	}
	return unconfirmed, nil
}
