package layout

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// PruneOptions are the choices of a person for a prune. Local and those after it are for
// layouts that compile an index into the code.
type PruneOptions struct {
	// DryRun deletes nothing.
	DryRun bool
	// Retain is the least number of deployments to keep. The live and the retained
	// deployments recorded such a number, too, and the maximum counts. 0 adds nothing to
	// that, and is refused if none of them recorded one: the configuration may be that of
	// another site.
	Retain int
	// Grace is the grace period of deployments that recorded none, if Retain is given.
	// 0 means the grace period of the configuration, but at least a day.
	Grace time.Duration
	// Local is an index. Its files are kept too. May be nil.
	Local []byte
	// Code is the Worker that contains the index. If kv-sync did not deploy it,
	// prune searches its code for the index; nil disables the search.
	Code ScriptCode
	// Force continues if the Worker with the newest index is not active, or may not
	// be.
	Force bool
	// Over is the id of an activation that is known to be recent: a list of deployments that
	// lacks it is not whole. "" if none is known.
	Over string
	// Unrecorded also deletes keys that no record ever named and that look like
	// keys of the layout, such as those of the Rust kv-sync. They may be keys of
	// another tool.
	Unrecorded bool
}

// GivenPolicy returns what the options say to keep.
func (opt PruneOptions) GivenPolicy(c *site.Client) version.Policy {
	if opt.Retain == 0 {
		return version.Policy{}
	}
	return version.NewPolicy(opt.Retain, cmp.Or(opt.Grace, max(c.Grace, site.DefaultGrace)))
}

// CheckPolicy refuses to prune if nobody said how much to keep.
func (opt PruneOptions) CheckPolicy(c *site.Client, recorded bool) error {
	if recorded || opt.Retain > 0 {
		return nil
	}
	return guard.Stop(guard.Unread, finding.CasePruneRetain, finding.Facts{Site: c.Site})
}

// Sweep is what a prune may delete.
type Sweep struct {
	Store cloud.Store
	// Grace is the time for which keys are kept that no root names.
	Grace time.Duration
	// Before are the activations from which the roots were read.
	Before []cloud.Activation
	// Kept counts the keys that stay.
	Kept Pruned
	// Unrooted are keys that no root names. Expired are records that retain nothing
	// any more; they are deleted after all keys that they name.
	Unrooted, Expired []string
	// CheckUnchanged returns an error if a root may have been added meanwhile. May be
	// nil.
	CheckUnchanged func(context.Context) error
}

// Limited returns what one prune deletes: the first keys in order, at most that many.
func (s *Sweep) Limited(most int) *Pruned {
	out := s.Kept
	slices.Sort(s.Unrooted)
	out.Left = max(0, len(s.Unrooted)-most)
	out.Keys = s.Unrooted[:len(s.Unrooted)-out.Left]
	return &out
}

// ScriptCode reads the code of a Worker script.
type ScriptCode interface {
	// Code returns the modules of the script, in any form that contains the bytes
	// of each module unchanged.
	Code(ctx context.Context) ([]byte, error)
}

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
