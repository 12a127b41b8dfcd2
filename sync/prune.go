package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Pruned is what [Engine.Prune] did or, dry, would do.
type Pruned struct {
	// Deleted counts keys; Left is the number of keys for the next run.
	Deleted int `json:"deleted"`
	Left    int `json:"left"`
	// Kept counts keys that a root names. Young counts keys within the grace
	// period; in a layout that records its indexes, keys that only earlier,
	// retained indexes name.
	Kept  int `json:"kept"`
	Young int `json:"young"`
	// Unrecorded counts keys that look like this site's and that were kept because
	// no record names them.
	Unrecorded int `json:"-"`
	// Keys are the names, ascending.
	Keys []string `json:"keys,omitempty"`
}

// Prune deletes keys that no root reaches. It deletes only keys below the site's prefix
// that kv-sync made and that are older than the grace period, and at most PruneCap of
// them. It deletes nothing if something that may keep blobs alive cannot be read, or if
// the listing fails or is empty. It also deletes nothing if nothing is live: then it
// cannot distinguish a site's files from the rest of a failed first deploy, and KV may
// not show the live version yet.
func (e *Engine) Prune(ctx context.Context, opt PruneOptions) (*Pruned, error) {
	k, err := e.keeper(commandPrune)
	if err != nil {
		return nil, err
	}
	s, err := k.sweep(ctx, opt)
	if err != nil {
		return nil, err
	}
	if err := e.CheckClock(s.grace); err != nil {
		return nil, err
	}
	out := s.limited(e.PruneCap)
	if opt.DryRun || len(out.Keys)+len(s.expired) == 0 {
		out.Deleted = len(out.Keys)
		return out, nil
	}
	if s.checkUnchanged != nil {
		if err := s.checkUnchanged(ctx); err != nil {
			return nil, err
		}
	}
	if out.Deleted, err = e.deleteAll(ctx, s.store, out.Keys, s.before); err != nil || out.Left > 0 {
		return out, err // records are deleted after the keys that they name
	}
	for some := range slices.Chunk(s.expired, cloud.MaxBulkPairs) {
		if _, err := e.deleteAll(ctx, s.store, some, s.before); err != nil {
			return out, err
		}
	}
	return out, nil
}

// PruneOptions are the choices of a person for a prune. Those from Local on are for
// layouts that compile an index into the code.
type PruneOptions struct {
	// DryRun deletes nothing.
	DryRun bool
	// Retain is how many deployments are kept at least. What the live and the retained
	// deployments recorded counts, too. 0 is nothing more than that, and refused where
	// none of them recorded anything: the configuration may be that of another site.
	Retain int
	// Grace is the grace period of deployments that recorded none, if Retain is given.
	// 0 is that of the configuration, and a day at least.
	Grace time.Duration
	// Local is an index whose files are kept too, or nil.
	Local []byte
	// Code is the Worker that contains the index. If kv-sync did not deploy it,
	// prune searches its code for the index; nil disables the search.
	Code ScriptCode
	// Force continues if the Worker with the newest index is not active, or may not
	// be.
	Force bool
	// Unrecorded also deletes keys that no record ever named and that look like
	// keys of the layout, such as those of the Rust kv-sync. They may be keys of
	// another tool.
	Unrecorded bool
}

// givenPolicy is what a person said to keep.
func (e *Engine) givenPolicy(opt PruneOptions) version.Policy {
	if opt.Retain == 0 {
		return version.Policy{}
	}
	return version.NewPolicy(opt.Retain, cmp.Or(opt.Grace, max(e.Grace, site.DefaultGrace)))
}

// checkPolicy refuses to prune if nobody said how much to keep.
func (e *Engine) checkPolicy(recorded bool, opt PruneOptions) error {
	if recorded || opt.Retain > 0 {
		return nil
	}
	return guard.Stop(guard.Unread, finding.CasePruneRetain, finding.Facts{Site: e.Site})
}

// sweep is what a prune may delete.
type sweep struct {
	store cloud.Store
	// grace is for how long keys are kept that no root reaches.
	grace time.Duration
	// before are the activations from which the roots were read.
	before []cloud.Activation
	// kept counts the keys that stay.
	kept Pruned
	// unrooted are keys that no root names. expired are records that retain nothing
	// any more; they are deleted after all keys that they name.
	unrooted, expired []string
	// checkUnchanged refuses to continue if a root may have been added meanwhile;
	// may be nil.
	checkUnchanged func(context.Context) error
}

// limited is what one prune deletes: the first keys in order, at most most.
func (s *sweep) limited(most int) *Pruned {
	out := s.kept
	slices.Sort(s.unrooted)
	out.Left = max(0, len(s.unrooted)-most)
	out.Keys = s.unrooted[:len(s.unrooted)-out.Left]
	return &out
}

// deleteAll deletes the keys while the active version is the one from which the roots
// were read. A person may make a deployment live again that is not retained.
func (e *Engine) deleteAll(ctx context.Context, s cloud.Store, keys []string, before []cloud.Activation) (int, error) {
	left, err := cloud.DeleteConfirmed(ctx, guardedStore{s, e, before}, keys, 2*time.Second)
	if err == nil && len(left) > 0 {
		err = finding.New(finding.CasePruneIgnored, finding.Facts{Site: e.Site, What: humanize.Count(len(left), "key")})
	}
	return len(keys) - len(left), err
}

// guardedStore deletes only while the activations are the ones of before.
type guardedStore struct {
	cloud.Store
	e      *Engine
	before []cloud.Activation
}

// DeleteBulk implements [cloud.Store].
func (s guardedStore) DeleteBulk(ctx context.Context, keys []string) ([]string, error) {
	if err := s.e.checkNotOvertaken(ctx, s.before); errors.Is(err, cloud.ErrOvertaken) {
		return nil, guard.Stop(guard.Overtaken, finding.CasePruneSwitched, finding.Facts{Site: s.e.Site})
	} else if err != nil {
		return nil, err
	}
	unconfirmed, err := s.Store.DeleteBulk(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", s.e.Site, err)
	}
	return unconfirmed, nil
}
