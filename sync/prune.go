package kvsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
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
	out := s.capped(e.PruneCap)
	if opt.DryRun || len(out.Keys)+len(s.expired) == 0 {
		out.Deleted = len(out.Keys)
		return out, nil
	}
	if s.unmoved != nil {
		if err := s.unmoved(ctx); err != nil {
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
	// unmoved refuses to go on where a root may have come meanwhile; may be nil.
	unmoved func(context.Context) error
}

// capped is what one prune deletes: the first keys in order, at most so many.
func (s *sweep) capped(most int) *Pruned {
	out := s.kept
	slices.Sort(s.unrooted)
	out.Left = max(0, len(s.unrooted)-most)
	out.Keys = s.unrooted[:len(s.unrooted)-out.Left]
	return &out
}

// sweep lists the keys of the site and reads its roots.
func (c *contentAddressed) sweep(ctx context.Context, _ PruneOptions) (*sweep, error) {
	e := c.Engine
	past, err := e.past(ctx, retainedOnly)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, stop(GuardTarget, CasePruneUndeployed, finding.Facts{Site: e.Site})
	} else if err != nil {
		return nil, err
	}
	for _, d := range past.deployments {
		if d.Live && d.meta == nil {
			return nil, stop(GuardForeign, CaseForeignPrune, finding.Facts{Site: e.Site})
		}
		if d.Missing && d.Retained {
			return nil, stop(GuardUnread, CasePruneVersion, finding.Facts{Deployment: d.ID, Version: d.Version})
		}
	}
	if all := past.activations; e.target.inKV() && len(all) >= project.MaxActivations && e.recent(all, len(all)) {
		return nil, stop(GuardUnread, CasePruneOften, finding.Facts{Site: e.Site, Span: e.Grace})
	}
	if !c.owns(past.live().meta) {
		return nil, stop(GuardLayout, CasePruneLayout, finding.Facts{Site: e.Site})
	}
	namespace := past.live().meta.Namespace
	store := e.Account.Store(namespace)
	var listed []string
	err = e.eachKey(ctx, store, manifest.Keys(e.Site).Prefix(), func(k cloud.KeyInfo) error {
		listed = append(listed, k.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(listed) == 0 {
		return nil, stop(GuardUnread, CasePruneListing, finding.Facts{Site: e.Site})
	}
	rooted, err := c.roots(ctx, past.deployments, namespace, listed)
	if err != nil {
		return nil, err
	}
	out := &sweep{store: store, before: past.activations}
	c.partition(out, listed, rooted)
	return out, nil
}

// roots collects every key that something keeps alive. Beside the activations,
// the records count: Cloudflare's list of deployments is short, and one that
// was live an hour ago may have left it.
func (c *contentAddressed) roots(ctx context.Context, past []Deployment, namespace string, listed []string) (map[string]bool, error) {
	e := c.Engine
	k := manifest.Keys(e.Site)
	metas := make(map[string]*Meta)
	for _, d := range past {
		if d.meta != nil && d.Retained && d.meta.Namespace == namespace && c.owns(d.meta) {
			metas[d.meta.Manifest] = d.meta
		}
	}
	var records []string
	there := make(map[string]bool, len(listed))
	for _, name := range listed {
		there[name] = true
		switch class, _, _ := k.Parse(name); class {
		case manifest.KeyUnknown:
			return nil, stop(GuardUnread, CasePruneKey, finding.Facts{Key: name})
		case manifest.KeyRecord:
			records = append(records, strings.TrimPrefix(name, k.Record("")))
		}
	}
	recorded, err := e.recentRecords(ctx, namespace, records)
	if err != nil {
		return nil, err
	}
	recordOnly := make(map[string]bool)
	for _, r := range recorded {
		if metas[r.Manifest] == nil {
			recordOnly[r.Manifest] = true
			metas[r.Manifest] = &Meta{Deployment: r.Deployment, Manifest: r.Manifest, Namespace: namespace}
		}
	}
	rooted, chunks := make(map[string]bool), make(indexes)
	for _, m := range metas {
		stored, err := e.manifest(ctx, m)
		if ref, bad := manifest.ParseRef(m.Manifest); recordOnly[m.Manifest] && errors.Is(err, cloud.ErrNotFound) && bad == nil && !there[k.Manifest(ref)] {
			continue // it never went live: a manifest is confirmed before its switch
		}
		if err != nil {
			return nil, fmt.Errorf("nothing was deleted: %w", err)
		}
		if err := e.readIndexes(ctx, e.Account.Store(namespace), stored.Assets, chunks); err != nil {
			return nil, fmt.Errorf("nothing was deleted: %w", err)
		}
		for _, a := range stored.Assets {
			err := chunks[a.Blob].err
			if recordOnly[m.Manifest] && errors.Is(err, cloud.ErrNotFound) && !there[k.Blob(a.Blob)] {
				continue // as above: an index is confirmed before the switch, too
			}
			if err != nil {
				return nil, stop(GuardUnread, CasePruneChunks, finding.Facts{Deployment: m.Deployment, Cause: err})
			}
		}
		markRooted(rooted, k, m, stored, chunks)
	}
	return rooted, nil
}

func markRooted(rooted map[string]bool, k manifest.Keys, m *Meta, stored *manifest.Manifest, chunks indexes) {
	rooted[k.Record(m.Deployment)] = true
	if ref, err := manifest.ParseRef(m.Manifest); err == nil {
		rooted[k.Manifest(ref)] = true
	}
	for _, ref := range m.keeps {
		rooted[k.Blob(ref)] = true
	}
	for _, a := range stored.Assets {
		rooted[k.Blob(a.Blob)] = true
		for _, chunk := range chunks[a.Blob].chunks {
			rooted[k.Blob(chunk)] = true
		}
	}
}

// recentRecords reads the records of the last Retain deployments and of those
// that may have been live within the grace period: a deployment ends when the
// next one begins. Records of deployments that never went live count too, which
// keeps a little too much for a while.
func (e *Engine) recentRecords(ctx context.Context, namespace string, ids []string) ([]Record, error) {
	slices.Sort(ids)
	first := max(0, len(ids)-e.Retain)
	for first > 0 {
		// A run may take half the grace period from its id to its switch.
		if ended, _ := manifest.DeploymentTime(ids[first]); e.Now().Sub(ended) >= e.Grace+e.Grace/2 {
			break
		}
		first--
	}
	ids = ids[first:]
	out := make([]Record, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i, id := range ids {
		g.Go(func() error {
			b, err := e.Account.Store(namespace).Get(ctx, manifest.Keys(e.Site).Record(id))
			if err == nil {
				err = json.Unmarshal(b, &out[i])
			}
			if r := out[i]; err == nil && (r.Format != recordFormat || r.Site != e.Site || r.Deployment != id) {
				err = fmt.Errorf("%w, or it is of another deployment", manifest.ErrNewer)
			}
			if err != nil {
				return fmt.Errorf("nothing was deleted: read the record of deployment %s: %w", id, err)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// partition divides the listed keys into those to keep and those that may go.
func (c *contentAddressed) partition(out *sweep, listed []string, rooted map[string]bool) {
	for _, name := range listed {
		class, _, written := manifest.Keys(c.Site).Parse(name)
		switch {
		case rooted[name], class == manifest.KeyOther:
			out.kept.Kept++
		case c.Now().Sub(written) < c.Grace+time.Second:
			out.kept.Young++
		default:
			out.unrooted = append(out.unrooted, name)
		}
	}
}

// deleteAll deletes the keys while what is active stays what the roots were
// read of: somebody may make a deployment live again that nothing retained.
func (e *Engine) deleteAll(ctx context.Context, s cloud.Store, doomed []string, before []cloud.Activation) (int, error) {
	left := doomed
	for round := 0; len(left) > 0; round++ {
		gone := len(doomed) - len(left)
		if round > cloud.ResendRounds {
			return gone, found(CasePruneIgnored, finding.Facts{Site: e.Site, What: humanize.Count(len(left), "key")})
		}
		if round > 0 {
			if err := wait.For(ctx, time.Second<<round); err != nil {
				return gone, err
			}
		}
		if err := e.lookAgain(ctx, before); errors.Is(err, cloud.ErrOvertaken) {
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
	return len(doomed), nil
}
