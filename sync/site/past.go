package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Lookup is what [Client.Past] looks for.
type Lookup struct {
	// Retained reads only versions that can be retained.
	Retained bool
	// Given is a policy that counts in addition to those that deployments recorded.
	// Otherwise counts if the live deployment recorded none.
	Given, Otherwise version.Policy
	// Newest returns how many of the listed activations are read; 0 means all. If it is nil,
	// all are read.
	Newest func(listed []cloud.Activation) int
	// Records returns the prefix of the keys of the records in the layout of what is live.
	// Records name retained deployments that the API does not list any more. If it is nil,
	// only the API's list is used.
	Records func(live *version.Meta) string
}

// Past reads which deployments were live. Every active version is retained, and so are our
// last deployments, as many and for as long as the policies of the retained deployments
// say. For a project, and for deployments that the API does not list any more, Past reads
// only the versions that can be retained.
func (c *Client) Past(ctx context.Context, look Lookup) (*version.Past, error) {
	activations, err := c.Target.Activations(ctx)
	if err == nil && len(activations) == 0 {
		err = cloud.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("list the deployments of %s: %w", c.Site, err)
	}
	at := c.Time() // the time in the answer
	if c.Target.InKV() {
		look.Retained = true // versions are large, and the messages have the rest
	}
	r := &pastReader{Client: c, look: look, need: look.Given.Max(look.Otherwise), all: activations,
		versions: make(map[string]versionInfo), ours: make(map[string]bool)}
	if look.Newest != nil {
		r.all = activations[:cmp.Or(look.Newest(activations), len(activations))]
	}
	if err := r.read(ctx, 0); err != nil {
		return nil, err
	}
	p := &version.Past{Activations: activations, At: at}
	if p.Unread, err = r.extend(ctx); err != nil {
		return nil, err
	}
	r.fill(p)
	if live := p.Live(); live != nil {
		c.setLast(live.Version, live.Meta, live.Commit)
	} else {
		c.setLast(activations[0].Main(), nil, "")
	}
	return p, nil
}

// pastReader reads the versions of activations.
type pastReader struct {
	*Client
	look Lookup
	// need is the maximum of the policies that were read so far.
	need version.Policy
	// all are the activations, newest first: those that the API lists, then those that
	// records name.
	all      []cloud.Activation
	versions map[string]versionInfo
	ours     map[string]bool // the deployments of kv-sync that were read, by id
}

// fill adds the deployments to p, and which of them are retained.
func (r *pastReader) fill(p *version.Past) {
	if !r.versions[r.all[0].Main()].policy().Known() {
		r.look.Given = r.look.Given.Max(r.look.Otherwise)
	}
	keep := version.NewRetention(r.look.Given)
	for i, a := range r.all {
		for _, s := range a.Versions {
			v, read := r.versions[s.Version]
			if !read && !r.Target.InKV() {
				continue
			}
			d := r.deployment(i, s, v)
			if name := cmp.Or(d.ID, d.Version); v.meta != nil || v.missing {
				var certain bool
				d.Retained, certain = keep.Add(name, r.Ended(r.all, i), v.policy())
				d.Uncertain = !certain
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	p.Policy, p.Recorded = keep.Policy, keep.Recorded
}

// deployment returns the deployment that the i-th activation made live with one of its
// versions.
func (r *pastReader) deployment(i int, s cloud.Share, v versionInfo) version.Deployment {
	d := version.Deployment{Version: s.Version, Time: r.all[i].Created, Live: i == 0, Percent: s.Percent,
		Missing: v.missing, Meta: v.meta}
	var message version.Message
	if m := v.meta; m != nil {
		// An activation by another tool has no message of ours. Use that of an earlier one.
		message = (&version.Live{Activations: r.all[i:], Meta: m}).Message()
		d.Commit, d.Source = m.Commit, m.Kind()
		if message.Commit != "" {
			d.Commit = message.Commit
		}
		message.Deployment = m.Deployment
		d.OtherTool = !r.Target.InKV() && version.ReadMessage(r.all[i].Message).Deployment == ""
	} else if _, read := r.versions[s.Version]; v.missing || !read {
		message = version.ReadMessage(r.all[i].Message)
	}
	d.ID, d.Rollback, d.Hold = message.Deployment, message.Rollback, message.Hold
	d.RolledBackBy, d.Run = message.Actor, message.Run
	return d
}

// Ended returns how long ago the i-th activation ended. It ended when the next one began.
func (c *Client) Ended(activations []cloud.Activation, i int) time.Duration {
	if i == 0 {
		return 0
	}
	return c.Time().Sub(activations[i-1].Created)
}

// versionInfo is the metadata of a version.
type versionInfo struct {
	// meta is nil for a version of another tool, and for one that no longer exists.
	meta *version.Meta
	// missing is set if the version no longer exists. It was a version of kv-sync, because it
	// belongs to a project.
	missing bool
}

// policy returns the policy that the version recorded.
func (v versionInfo) policy() version.Policy {
	if v.meta == nil {
		return version.Policy{}
	}
	return v.meta.Policy
}

// enough reports whether no activation from the i-th on can be retained. more is the number
// of versions that are not read yet and may be deployments of kv-sync.
func (r *pastReader) enough(i, more int) bool {
	return r.Ended(r.all, i) >= max(r.need.GracePeriod(), 1) && len(r.ours)+more >= max(r.need.Retain, 1)
}

// read reads each version of the activations from index from on, once. It reads all
// versions, or those that can be retained.
func (r *pastReader) read(ctx context.Context, from int) error {
	for i := from; i < len(r.all); {
		// Read as many versions as may still be needed. If one of them is foreign,
		// another round is needed.
		var batch []string
		for ; i < len(r.all) && len(batch) < r.Parallel; i++ {
			if r.look.Retained && r.enough(i, len(batch)) {
				break
			}
			for _, s := range r.all[i].Versions {
				if _, ok := r.versions[s.Version]; !ok {
					r.versions[s.Version] = versionInfo{}
					batch = append(batch, s.Version)
				}
			}
		}
		if err := r.readBatch(ctx, batch); err != nil {
			return err
		}
		if len(batch) == 0 && i < len(r.all) {
			break // all that can be retained has been read
		}
	}
	return nil
}

// active reports whether a version is live. Cloudflare has such a version, so an answer that it
// does not exist is wrong. It must not count as one of another tool: a rollback would hold nothing
// back.
func (r *pastReader) active(id string) bool {
	return slices.ContainsFunc(r.all[0].Versions, func(s cloud.Share) bool { return s.Version == id })
}

func (r *pastReader) readBatch(ctx context.Context, batch []string) error {
	got := make([]versionInfo, len(batch))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Parallel)
	if r.Target.InKV() {
		g.SetLimit(r.WholeValues())
	}
	for j, id := range batch {
		g.Go(func() error {
			m, err := r.readMeta(ctx, id)
			gone := errors.Is(err, cloud.ErrNotFound) && (r.Target.InKV() || !r.active(id))
			got[j] = versionInfo{m, gone && r.Target.InKV()}
			if gone {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for j, v := range got {
		r.versions[batch[j]] = v
		r.need = r.need.Max(v.policy())
		if v.meta != nil {
			r.ours[v.meta.Deployment] = true
		} else if v.missing {
			r.ours[batch[j]] = true
		}
	}
	return nil
}

// extend adds the activations before the oldest listed one that can be retained. It takes
// them from records. unread is the error of a record that cannot be read, or nil.
func (r *pastReader) extend(ctx context.Context) (unread, err error) {
	listed := len(r.all)
	oldest := r.all[listed-1]
	live := r.versions[r.all[0].Main()].meta
	if r.look.Records == nil || live == nil || r.Target.InKV() || r.enough(listed, 0) ||
		version.ReadMessage(oldest.Message).First {
		return nil, nil
	}
	recorded, unread, err := r.recorded(ctx, live)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, a := range recorded {
		if !known[a.ID] && a.Created.Before(oldest.Created) {
			known[a.ID] = true
			r.all = append(r.all, a)
		}
	}
	slices.SortStableFunc(r.all[listed:], func(a, b cloud.Activation) int { return b.Created.Compare(a.Created) })
	r.look.Retained = true
	return unread, r.read(ctx, listed)
}

// recorded returns the activations that the records name, some of them several times. unread is the
// error of a record that may name more, or nil.
func (r *pastReader) recorded(ctx context.Context, live *version.Meta) (out []cloud.Activation, unread, err error) {
	below := r.look.Records(live)
	store := r.Account.Store(live.Namespace)
	keys, unread, err := r.listRecords(ctx, store, below, live)
	if err != nil {
		return nil, nil, err
	}
	read, err := cloud.ReadMany(ctx, store, keys, version.DecodeRecord)
	if err != nil {
		return nil, nil, fmt.Errorf("read the records of deployments: %w", err)
	}
	for _, key := range keys {
		record, exists := read[key]
		switch {
		case !exists: // it is listed, so it may exist
			record.Err = cloud.ErrNotFound
		case record.Err == nil:
			record.Err = record.Value.Check(r.ID(), strings.TrimPrefix(key, below))
		}
		if record.Err != nil {
			unread = fmt.Errorf("read the record %s: %w", key, record.Err)
			continue
		}
		for _, a := range record.Value.Past {
			out = append(out, a.Activation())
		}
	}
	return out, unread, nil
}

// listRecords lists the keys of the records below a prefix. A listing may be outdated or not whole,
// so the live deployment's record is always in the result. unread is set if a listing lacks it that
// should have it.
func (r *pastReader) listRecords(ctx context.Context, store cloud.Store, below string,
	live *version.Meta) (keys []string, unread, err error) {
	err = cloud.EachKey(ctx, store, below, func(k cloud.KeyInfo) error {
		if _, ok := manifest.DeploymentTime(strings.TrimPrefix(k.Name, below)); ok {
			keys = append(keys, k.Name)
		}
		return nil
	})
	key := below + live.Deployment
	if made, ours := manifest.DeploymentTime(live.Deployment); ours && err == nil && !slices.Contains(keys, key) {
		keys = append(keys, key)
		if r.Time().Sub(made) > version.MinGrace {
			unread = fmt.Errorf("the listing of the records of %s lacks that of the live deployment %s, so it is not whole",
				r.Site, live.Deployment)
		}
	}
	return keys, unread, err
}

// MetaOf returns the metadata of a version. It is nil, without an error, for a version of
// another tool and for one that does not exist any more.
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
