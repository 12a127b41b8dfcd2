package kvsync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Deployment is one activation, as [Engine.History] lists it.
type Deployment struct {
	// ID is our deployment id, or "" for a version of another tool.
	ID      string    `json:"deployment,omitempty"`
	Version string    `json:"version_id"`
	Time    time.Time `json:"time"`
	Commit  string    `json:"commit,omitempty"`
	// Source is what was deployed: "commit", "folder", or "upload" for an upload to
	// the API of a platform; "" for a version of another tool.
	Source string `json:"source,omitempty"`
	// Live is true for the active activation; Percent is the share of the version.
	Live    bool    `json:"live,omitempty"`
	Percent float64 `json:"percent"`
	// Retained: it can be rolled back to, and its blobs are kept.
	Retained bool `json:"retained"`
	// Rollback: a rollback activated it again.
	Rollback bool `json:"rollback,omitempty"`
	// Hold is what this rollback holds back, or "".
	Hold string `json:"hold,omitempty"`
	// Missing: it belongs to a project, and its version is not in KV any more, so
	// it cannot be rolled back to.
	Missing bool `json:"missing,omitempty"`
	// Record is the record of the deployment, nil if it cannot be read.
	Record *Record `json:"record,omitempty"`

	meta *Meta
}

// History lists the deployments that Cloudflare still lists, newest first.
func (e *Engine) History(ctx context.Context) ([]Deployment, error) {
	if err := e.layout.lacks(commandHistory); err != nil {
		return nil, err
	}
	p, err := e.past(ctx, everyActivation)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.Site)
	} else if err != nil {
		return nil, err
	}
	past := p.deployments
	live := p.live()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i := range past {
		d := &past[i]
		in := d.meta
		if in == nil && live != nil {
			in = live.meta // a project has one namespace
		}
		if _, ours := manifest.DeploymentTime(d.ID); !ours || in == nil {
			continue
		}
		g.Go(func() error {
			b, err := e.Account.Store(in.Namespace).Get(ctx, e.layoutOf(in).recordKey(d.ID))
			var r Record
			if err == nil && json.Unmarshal(b, &r) == nil {
				noted := Meta{Source: r.Source, Commit: r.Commit}
				d.Record, d.Commit, d.Source = &r, cmp.Or(d.Commit, r.Commit), cmp.Or(d.Source, noted.kind())
			} else if err != nil && !errors.Is(err, cloud.ErrNotFound) {
				return fmt.Errorf("read the record of deployment %s: %w", d.ID, err)
			}
			return nil
		})
	}
	return past, g.Wait()
}

// versionScope is which versions past reads.
type versionScope int

const (
	everyActivation versionScope = iota
	retainedOnly
)

// past is the list of activations and what their versions say about themselves, newest
// first.
type past struct {
	activations []cloud.Activation
	deployments []Deployment
}

// live is the active deployment of ours with the larger share, or nil.
func (p *past) live() *Deployment {
	var best *Deployment
	for i := range p.deployments {
		if d := &p.deployments[i]; d.Live && d.meta != nil && (best == nil || d.Percent > best.Percent) {
			best = d
		}
	}
	return best
}

// past reads what was live; of a project, only the versions that can be retained.
// Retained are every active version, the last Retain deployments of ours, and those
// that were live within the grace period.
func (e *Engine) past(ctx context.Context, how versionScope) (*past, error) {
	activations, err := e.target.Activations(ctx)
	if err == nil && len(activations) == 0 {
		err = cloud.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", e.Site, err)
	}
	if err := e.checkClock(activations[0]); err != nil {
		return nil, err
	}
	if e.target.inKV() {
		how = retainedOnly // each version contains the code; the messages say the rest
	}
	versions, err := e.metas(ctx, activations, how)
	if err != nil {
		return nil, err
	}
	p := &past{activations: activations}
	kept := make(map[string]bool)
	for i, a := range activations {
		for _, s := range a.Versions {
			v, read := versions[s.Version]
			if !read && !e.target.inKV() {
				continue
			}
			d := Deployment{Version: s.Version, Time: a.Created, Live: i == 0, Percent: s.Percent, Missing: v.missing,
				meta: v.meta}
			var message annotation
			if m := v.meta; m != nil {
				// Activations by other tools have no message of ours; an earlier one has.
				message = (&live{activations: activations[i:], meta: m}).annotation()
				d.Commit, d.Source = m.Commit, m.kind()
				if message.commit != "" {
					d.Commit = message.commit
				}
				message.deployment = m.Deployment
			} else if v.missing || !read {
				message = readMessage(a.Message)
			}
			d.ID, d.Rollback, d.Hold = message.deployment, message.rollback, message.hold
			if name := cmp.Or(d.ID, d.Version); v.meta != nil || v.missing {
				d.Retained = e.recent(activations, i) || kept[name] || len(kept) < e.Retain
				if d.Retained {
					kept[name] = true
				}
			}
			p.deployments = append(p.deployments, d)
		}
	}
	if live := p.live(); live != nil {
		e.setLast(live.Version, live.meta, live.Commit)
	} else {
		e.setLast(activations[0].Main(), nil, "")
	}
	return p, nil
}

// recent reports whether the i-th activation was active within the grace period.
func (e *Engine) recent(activations []cloud.Activation, i int) bool {
	return i == 0 || e.Now().Sub(activations[i-1].Created) < e.Grace
}

// versionInfo is what a version says about itself.
type versionInfo struct {
	// meta is nil for a version of another tool, and for one that is gone.
	meta *Meta
	// missing: it is a version of a project, all of which are ours, and it does not
	// exist any more.
	missing bool
}

// metas reads each version once: all versions, or those that can be retained.
func (e *Engine) metas(ctx context.Context, activations []cloud.Activation, how versionScope) (map[string]versionInfo,
	error) {
	versions := make(map[string]versionInfo)
	ours := make(map[string]bool)
	width := e.Parallel
	if e.target.inKV() {
		width = e.wholeValues()
	}
	for i := 0; i < len(activations); {
		// One batch of as many versions as may still be needed. A foreign one
		// among them costs another round.
		var batch []string
		for ; i < len(activations) && len(batch) < e.Parallel; i++ {
			if how == retainedOnly && !e.recent(activations, i) && len(ours)+len(batch) >= e.Retain {
				break
			}
			for _, s := range activations[i].Versions {
				if _, ok := versions[s.Version]; !ok {
					versions[s.Version] = versionInfo{}
					batch = append(batch, s.Version)
				}
			}
		}
		got := make([]versionInfo, len(batch))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(width)
		for j, id := range batch {
			g.Go(func() error {
				m, err := e.readMeta(gctx, id)
				gone := errors.Is(err, cloud.ErrNotFound)
				got[j] = versionInfo{m, gone && e.target.inKV()}
				if gone {
					return nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		for j, v := range got {
			versions[batch[j]] = v
			if v.meta != nil {
				ours[v.meta.Deployment] = true
			} else if v.missing {
				ours[batch[j]] = true
			}
		}
		if len(batch) == 0 && i < len(activations) {
			break // all that can be retained has been read
		}
	}
	return versions, nil
}

// metaOfVersion is nil, without an error, for a version of another tool and for one
// that does not exist any more.
func (e *Engine) metaOfVersion(ctx context.Context, id string) (*Meta, error) {
	m, err := e.readMeta(ctx, id)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

func (e *Engine) readMeta(ctx context.Context, id string) (*Meta, error) {
	v, err := e.target.Version(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read version %s of %s: %w", id, e.Site, err)
	}
	return metaOf(v, e.Site)
}
