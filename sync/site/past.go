package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Lookup is what [Client.Past] looks for.
type Lookup struct {
	// Retained: only versions that can be retained are read.
	Retained bool
	// Given counts beside what deployments recorded, and Otherwise where the live one
	// recorded nothing.
	Given, Otherwise version.Policy
}

// Past reads what was live; of a project, only the versions that can be retained.
// Retained are every active version, and as many of our last deployments, and those of
// as long a time, as the retained deployments themselves recorded.
func (c *Client) Past(ctx context.Context, look Lookup) (*version.Past, error) {
	activations, err := c.Target.Activations(ctx)
	if err == nil && len(activations) == 0 {
		err = cloud.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", c.Site, err)
	}
	if c.Target.InKV() {
		look.Retained = true // each version contains the code; the messages say the rest
	}
	versions, err := c.metas(ctx, activations, look)
	if err != nil {
		return nil, err
	}
	p := &version.Past{Activations: activations}
	if !versions[activations[0].Main()].policy().Known() {
		look.Given = look.Given.Max(look.Otherwise)
	}
	keep := version.NewRetention(look.Given)
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
			d.RolledBackBy, d.Run = message.Actor, message.Run
			if name := cmp.Or(d.ID, d.Version); v.meta != nil || v.missing {
				var certain bool
				d.Retained, certain = keep.Add(name, c.Ended(activations, i), v.policy())
				d.Uncertain = !certain
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	p.Policy, p.Recorded = keep.Policy, keep.Recorded
	if live := p.Live(); live != nil {
		c.setLast(live.Version, live.Meta, live.Commit)
	} else {
		c.setLast(activations[0].Main(), nil, "")
	}
	return p, nil
}

// Ended is how long ago the i-th activation ended: when the next one began.
func (c *Client) Ended(activations []cloud.Activation, i int) time.Duration {
	if i == 0 {
		return 0
	}
	return c.Time().Sub(activations[i-1].Created)
}

// versionInfo is what a version says about itself.
type versionInfo struct {
	// meta is nil for a version of another tool, and for one that is gone.
	meta *version.Meta
	// missing: it is a version of a project, all of which are ours, and it does not
	// exist any more.
	missing bool
}

// policy is what the version recorded.
func (v versionInfo) policy() version.Policy {
	if v.meta == nil {
		return version.Policy{}
	}
	return v.meta.Policy
}

// metas reads each version once: all versions, or those that can be retained.
func (c *Client) metas(ctx context.Context, activations []cloud.Activation,
	look Lookup) (map[string]versionInfo, error) {
	need := look.Given.Max(look.Otherwise)
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
			if look.Retained && c.Ended(activations, i) >= max(need.GracePeriod(), 1) &&
				len(ours)+len(batch) >= max(need.Retain, 1) {
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
			need = need.Max(v.policy())
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
