package kvsync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// History lists the deployments that Cloudflare still lists, newest first.
func (e *Engine) History(ctx context.Context) ([]version.Deployment, error) {
	if err := e.layout.lacks(commandHistory); err != nil {
		return nil, err
	}
	p, err := e.past(ctx, everyActivation)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.Site)
	} else if err != nil {
		return nil, err
	}
	past := p.Deployments
	live := p.Live()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i := range past {
		d := &past[i]
		in := d.Meta
		if in == nil && live != nil {
			in = live.Meta // a project has one namespace
		}
		if _, ours := manifest.DeploymentTime(d.ID); !ours || in == nil {
			continue
		}
		g.Go(func() error {
			b, err := e.Account.Store(in.Namespace).Get(ctx, e.layoutOf(in).recordKey(d.ID))
			var r version.Record
			if err == nil && json.Unmarshal(b, &r) == nil {
				noted := version.Meta{Source: r.Source, Commit: r.Commit}
				d.Record, d.Commit, d.Source = &r, cmp.Or(d.Commit, r.Commit), cmp.Or(d.Source, noted.Kind())
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

// past reads what was live; of a project, only the versions that can be retained.
// Retained are every active version, the last Retain deployments of ours, and those
// that were live within the grace period.
func (e *Engine) past(ctx context.Context, how versionScope) (*version.Past, error) {
	activations, err := e.target.Activations(ctx)
	if err == nil && len(activations) == 0 {
		err = cloud.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", e.Site, err)
	}
	if e.target.inKV() {
		how = retainedOnly // each version contains the code; the messages say the rest
	}
	versions, err := e.metas(ctx, activations, how)
	if err != nil {
		return nil, err
	}
	p := &version.Past{Activations: activations}
	kept := make(map[string]bool)
	for i, a := range activations {
		for _, s := range a.Versions {
			v, read := versions[s.Version]
			if !read && !e.target.inKV() {
				continue
			}
			d := version.Deployment{Version: s.Version, Time: a.Created, Live: i == 0, Percent: s.Percent, Missing: v.missing,
				Meta: v.meta}
			var message version.Message
			if m := v.meta; m != nil {
				// Activations by other tools have no message of ours; an earlier one has.
				message = (&version.Live{Activations: activations[i:], Meta: m}).Message()
				d.Commit, d.Source = m.Commit, m.Kind()
				if message.Commit != "" {
					d.Commit = message.Commit
				}
				message.Deployment = m.Deployment
			} else if v.missing || !read {
				message = version.ReadMessage(a.Message)
			}
			d.ID, d.Rollback, d.Hold = message.Deployment, message.Rollback, message.Hold
			if name := cmp.Or(d.ID, d.Version); v.meta != nil || v.missing {
				d.Retained = e.recent(activations, i) || kept[name] || len(kept) < e.Retain
				if d.Retained {
					kept[name] = true
				}
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	if live := p.Live(); live != nil {
		e.setLast(live.Version, live.Meta, live.Commit)
	} else {
		e.setLast(activations[0].Main(), nil, "")
	}
	return p, nil
}

// recent reports whether the i-th activation was active within the grace period.
func (e *Engine) recent(activations []cloud.Activation, i int) bool {
	return i == 0 || e.now().Sub(activations[i-1].Created) < e.Grace
}

// versionInfo is what a version says about itself.
type versionInfo struct {
	// meta is nil for a version of another tool, and for one that is gone.
	meta *version.Meta
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
func (e *Engine) metaOfVersion(ctx context.Context, id string) (*version.Meta, error) {
	m, err := e.readMeta(ctx, id)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

func (e *Engine) readMeta(ctx context.Context, id string) (*version.Meta, error) {
	v, err := e.target.Version(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read version %s of %s: %w", id, e.Site, err)
	}
	return version.ReadMeta(v, e.Site)
}
