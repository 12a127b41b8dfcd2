package kvsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Pruned is what [Engine.Prune] did or, dry, would do.
type Pruned struct {
	// Deleted counts keys; Left how many more there are for the next run.
	Deleted int `json:"deleted"`
	Left    int `json:"left"`
	// Kept counts keys that a root names. Young counts those within the grace
	// period; in a layout that keeps records of its indexes, those that only
	// earlier indexes name, which are still retained.
	Kept  int `json:"kept"`
	Young int `json:"young"`
	// Unrecorded counts keys in the shape of this site's that were kept because no
	// record names them.
	Unrecorded int `json:"-"`
	// Keys are the names, ascending.
	Keys []string `json:"keys,omitempty"`
}

// Prune deletes what no root reaches. It is timid: it touches only keys of its
// own making below the site's prefix that are older than the grace period, at
// most PruneCap of them, and if anything that may keep blobs alive cannot be
// read, or the listing fails or is empty, it deletes nothing. Nor does it where
// nothing is live: only what is tells a site's files from what a failed first
// deploy left, and KV may just not show it yet.
func (e *Engine) Prune(ctx context.Context, opt PruneOptions) (*Pruned, error) {
	k, err := e.keeper(commandPrune)
	if err != nil {
		return nil, err
	}
	s, err := k.sweep(ctx, opt)
	if err != nil {
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
		return out, err // what the records name must go before they do
	}
	for some := range slices.Chunk(s.expired, cloud.MaxBulkPairs) {
		if _, err := e.deleteAll(ctx, s.store, some, s.before); err != nil {
			return out, err
		}
	}
	return out, nil
}

// PruneOptions are what a person may decide for a prune. Those but DryRun are
// for layouts that compile an index into the code.
type PruneOptions struct {
	// DryRun deletes nothing.
	DryRun bool
	// Local is an index whose files are kept, too, or nil.
	Local []byte
	// Code is the Worker that the index is compiled into. Where kv-sync did not
	// deploy it, its code is searched for the index; nil is not to.
	Code ScriptCode
	// Force goes on where it is not known that the Worker with the newest index is
	// active, or known that it is not.
	Force bool
	// Unrecorded deletes, too, what no record ever named and is shaped like a key
	// of the layout: what the Rust kv-sync has left. Somebody else's key may have
	// that shape.
	Unrecorded bool
}

// sweep is what a prune may delete.
type sweep struct {
	store cloud.Store
	// before are the activations that the roots were read of.
	before []cloud.Activation
	// kept counts what stays.
	kept Pruned
	// unrooted is what no root names. expired are records that retain nothing any
	// more; they go when nothing is left that they name.
	unrooted, expired []string
	// checkUnchanged refuses to go on where a root may have come meanwhile; may be nil.
	checkUnchanged func(context.Context) error
}

// limited is what one prune deletes: the first keys in order, at most so many.
func (s *sweep) limited(most int) *Pruned {
	out := s.kept
	slices.Sort(s.unrooted)
	out.Left = max(0, len(s.unrooted)-most)
	out.Keys = s.unrooted[:len(s.unrooted)-out.Left]
	return &out
}

// deleteAll deletes the keys while what is active stays what the roots were
// read of: somebody may make a deployment live again that nothing retained.
func (e *Engine) deleteAll(ctx context.Context, s cloud.Store, keys []string, before []cloud.Activation) (int, error) {
	left := keys
	for round := 0; len(left) > 0; round++ {
		gone := len(keys) - len(left)
		if round > cloud.ResendRounds {
			return gone, found(CasePruneIgnored, finding.Facts{Site: e.Site, What: humanize.Count(len(left), "key")})
		}
		if round > 0 {
			if err := wait.For(ctx, time.Second<<round); err != nil {
				return gone, err
			}
		}
		if err := e.checkNotOvertaken(ctx, before); errors.Is(err, cloud.ErrOvertaken) {
			return gone, stop(GuardOvertaken, CasePruneSwitched, finding.Facts{Site: e.Site})
		} else if err != nil {
			return gone, err
		}
		unconfirmed, err := s.DeleteBulk(ctx, left)
		if err != nil {
			return gone, fmt.Errorf("prune %s: %w", e.Site, err)
		}
		again := make(map[string]bool, len(unconfirmed))
		for _, k := range unconfirmed {
			again[k] = true
		}
		// Only keys of ours are ever sent, whatever the answer names.
		left = slices.DeleteFunc(slices.Clone(left), func(k string) bool { return !again[k] })
	}
	return len(keys), nil
}
