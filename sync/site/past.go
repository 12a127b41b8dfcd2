package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Scope is which versions past reads.
type Scope int

const (
	EveryActivation Scope = iota
	RetainedOnly
)

// Past reads what was live; of a project, only the versions that can be retained.
// Retained are every active version, the last Retain deployments of ours, and those
// that were live within the grace period.
func (c *Client) Past(ctx context.Context, how Scope) (*version.Past, error) {
	activations, err := c.Target.Activations(ctx)
	if err == nil && len(activations) == 0 {
		err = cloud.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", c.Site, err)
	}
	if c.Target.InKV() {
		how = RetainedOnly // each version contains the code; the messages say the rest
	}
	versions, err := c.metas(ctx, activations, how)
	if err != nil {
		return nil, err
	}
	p := &version.Past{Activations: activations}
	kept := make(map[string]bool)
	for i, a := range activations {
		for _, s := range a.Versions {
			v, read := versions[s.Version]
			if !read && !c.Target.InKV() {
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
				d.Retained = c.Recent(activations, i) || kept[name] || len(kept) < c.Retain
				if d.Retained {
					kept[name] = true
				}
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	if live := p.Live(); live != nil {
		c.setLast(live.Version, live.Meta, live.Commit)
	} else {
		c.setLast(activations[0].Main(), nil, "")
	}
	return p, nil
}

// Recent reports whether the i-th activation was active within the grace period.
func (c *Client) Recent(activations []cloud.Activation, i int) bool {
	return i == 0 || c.Time().Sub(activations[i-1].Created) < c.Grace
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
func (c *Client) metas(ctx context.Context, activations []cloud.Activation, how Scope) (map[string]versionInfo,
	error) {
	versions := make(map[string]versionInfo)
	ours := make(map[string]bool)
	width := c.Parallel
	if c.Target.InKV() {
		width = c.WholeValues()
	}
	for i := 0; i < len(activations); {
		// One batch of as many versions as may still be needed. A foreign one
		// among them costs another round.
		var batch []string
		for ; i < len(activations) && len(batch) < c.Parallel; i++ {
			if how == RetainedOnly && !c.Recent(activations, i) && len(ours)+len(batch) >= c.Retain {
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
				m, err := c.readMeta(gctx, id)
				gone := errors.Is(err, cloud.ErrNotFound)
				got[j] = versionInfo{m, gone && c.Target.InKV()}
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

// MetaOf is nil, without an error, for a version of another tool and for one
// that does not exist any more.
func (c *Client) MetaOf(ctx context.Context, id string) (*version.Meta, error) {
	m, err := c.readMeta(ctx, id)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

func (c *Client) readMeta(ctx context.Context, id string) (*version.Meta, error) {
	v, err := c.Target.Version(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read version %s of %s: %w", id, c.Site, err)
	}
	return version.ReadMeta(v, c.ID())
}
