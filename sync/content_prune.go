package kvsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// sweep lists the keys of the site and reads its roots.
func (c *contentAddressed) sweep(ctx context.Context, _ PruneOptions) (*sweep, error) {
	e := c.Engine
	past, err := e.Past(ctx, site.RetainedOnly)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, guard.Stop(guard.Target, finding.CasePruneUndeployed, finding.Facts{Site: e.Site})
	} else if err != nil {
		return nil, err
	}
	for _, d := range past.Deployments {
		if d.Live && d.Meta == nil {
			return nil, guard.Stop(guard.Foreign, finding.CaseForeignPrune, finding.Facts{Site: e.Site})
		}
		if d.Missing && d.Retained {
			return nil, guard.Stop(guard.Unread, finding.CasePruneVersion, finding.Facts{Deployment: d.ID, Version: d.Version})
		}
	}
	if all := past.Activations; e.Target.InKV() && len(all) >= project.MaxActivations && e.Recent(all, len(all)) {
		return nil, guard.Stop(guard.Unread, finding.CasePruneOften, finding.Facts{Site: e.Site, Span: e.Grace})
	}
	if !c.owns(past.Live().Meta) {
		return nil, guard.Stop(guard.Layout, finding.CasePruneLayout, finding.Facts{Site: e.Site})
	}
	namespace := past.Live().Meta.Namespace
	store := e.Account.Store(namespace)
	var listed []string
	err = cloud.EachKey(ctx, store, e.Keys().Prefix(), func(k cloud.KeyInfo) error {
		listed = append(listed, k.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(listed) == 0 {
		return nil, guard.Stop(guard.Unread, finding.CasePruneListing, finding.Facts{Site: e.Site})
	}
	rooted, err := c.roots(ctx, past.Deployments, namespace, listed)
	if err != nil {
		return nil, err
	}
	out := &sweep{store: store, before: past.Activations}
	c.partition(out, listed, rooted)
	return out, nil
}

// roots collects every key that a root keeps alive. The records count beside the
// activations: Cloudflare's list of deployments is short, and a deployment that was
// live an hour ago may not be in it.
func (c *contentAddressed) roots(ctx context.Context, past []version.Deployment, namespace string,
	listed []string) (map[string]bool, error) {
	e := c.Engine
	k := e.Keys()
	metas := make(map[string]*version.Meta)
	for _, d := range past {
		if d.Meta != nil && d.Retained && d.Meta.Namespace == namespace && c.owns(d.Meta) {
			metas[d.Meta.Manifest] = d.Meta
		}
	}
	var records []string
	there := make(map[string]bool, len(listed))
	for _, name := range listed {
		there[name] = true
		switch class, _, _ := k.Parse(name); class {
		case manifest.KeyUnknown:
			return nil, guard.Stop(guard.Unread, finding.CasePruneKey, finding.Facts{Key: name})
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
			metas[r.Manifest] = &version.Meta{Deployment: r.Deployment, Manifest: r.Manifest, Namespace: namespace}
		}
	}
	rooted, chunks := make(map[string]bool), make(indexes)
	for _, m := range metas {
		stored, err := e.Manifest(ctx, m)
		if ref, bad := manifest.ParseRef(m.Manifest); recordOnly[m.Manifest] && errors.Is(err, cloud.ErrNotFound) &&
			bad == nil && !there[k.Manifest(ref)] {
			continue // it never went live: a manifest is confirmed before the switch
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
				continue // it never went live: an index is confirmed before the switch
			}
			if err != nil {
				return nil, guard.Stop(guard.Unread, finding.CasePruneChunks, finding.Facts{Deployment: m.Deployment, Cause: err})
			}
		}
		markRooted(rooted, k, m, stored, chunks)
	}
	return rooted, nil
}

func markRooted(rooted map[string]bool, k manifest.Keys, m *version.Meta, stored *manifest.Manifest, chunks indexes) {
	rooted[k.Record(m.Deployment)] = true
	if ref, err := manifest.ParseRef(m.Manifest); err == nil {
		rooted[k.Manifest(ref)] = true
	}
	for _, ref := range m.Keeps {
		rooted[k.Blob(ref)] = true
	}
	for _, a := range stored.Assets {
		rooted[k.Blob(a.Blob)] = true
		for _, chunk := range chunks[a.Blob].chunks {
			rooted[k.Blob(chunk)] = true
		}
	}
}

// recentRecords reads the records of the last Retain deployments and of deployments
// that may have been live within the grace period: a deployment ends when the next one
// begins. Records of deployments that never went live count too, which keeps a few keys
// longer than necessary.
func (e *Engine) recentRecords(ctx context.Context, namespace string, ids []string) ([]version.Record, error) {
	slices.Sort(ids)
	first := max(0, len(ids)-e.Retain)
	for first > 0 {
		// A run may take half the grace period between its id and its switch.
		if ended, _ := manifest.DeploymentTime(ids[first]); e.Time().Sub(ended) >= e.Grace+e.Grace/2 {
			break
		}
		first--
	}
	ids = ids[first:]
	out := make([]version.Record, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i, id := range ids {
		g.Go(func() error {
			b, err := e.Account.Store(namespace).Get(ctx, e.Keys().Record(id))
			if err == nil {
				err = json.Unmarshal(b, &out[i])
			}
			if r := out[i]; err == nil && (r.Format != version.RecordFormat || r.Site != e.ID() || r.Deployment != id) {
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

// partition divides the listed keys into those to keep and those to delete.
func (c *contentAddressed) partition(out *sweep, listed []string, rooted map[string]bool) {
	for _, name := range listed {
		class, _, written := c.Keys().Parse(name)
		switch {
		case rooted[name], class == manifest.KeyOther:
			out.kept.Kept++
		case c.Time().Sub(written) < c.Grace+time.Second:
			out.kept.Young++
		default:
			out.unrooted = append(out.unrooted, name)
		}
	}
}
