package content

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Sweep lists the keys of the site and reads its roots.
func (c *Content) Sweep(ctx context.Context, opt layout.PruneOptions) (*layout.Sweep, error) {
	look := site.Lookup{Retained: true, Given: opt.GivenPolicy(c.Client),
		Records: func(*version.Meta) string { return c.RecordKey("") }}
	if opt.Retain == 0 {
		look.Otherwise = c.Policy() // a rollback may have made a deployment live that recorded none
	}
	past, err := c.Past(ctx, look)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, guard.Stop(guard.Target, finding.CasePruneUndeployed, finding.Facts{Site: c.Site})
	} else if err != nil {
		return nil, err
	}
	for _, d := range past.Deployments {
		if d.Live && d.Meta == nil {
			return nil, guard.Stop(guard.Foreign, finding.CaseForeignPrune, finding.Facts{Site: c.Site})
		}
		if d.Missing && d.Retained {
			return nil, guard.Stop(guard.Unread, finding.CasePruneVersion, finding.Facts{Deployment: d.ID, Version: d.Version})
		}
	}
	if past.Unread != nil {
		return nil, fmt.Errorf("nothing was deleted: %w", past.Unread)
	}
	if !c.Owns(past.Live().Meta) {
		return nil, guard.Stop(guard.Layout, finding.CasePruneLayout, finding.Facts{Site: c.Site})
	}
	if err := opt.CheckPolicy(c.Client, past.Recorded); err != nil {
		return nil, err
	}
	grace := past.Policy.GracePeriod()
	if all := past.Activations; c.Target.InKV() && len(all) >= project.MaxActivations && c.Ended(all, len(all)) < grace {
		return nil, guard.Stop(guard.Unread, finding.CasePruneOften, finding.Facts{Site: c.Site, Span: grace})
	}
	namespace := past.Live().Meta.Namespace
	store := c.Account.Store(namespace)
	var listed []string
	err = cloud.EachKey(ctx, store, c.Keys().Prefix(), func(k cloud.KeyInfo) error {
		listed = append(listed, k.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(listed)
	listed = slices.Compact(listed) // a listing may have a key twice; each counts once for the retention
	if len(listed) == 0 {
		return nil, guard.Stop(guard.Unread, finding.CasePruneListing, finding.Facts{Site: c.Site})
	}
	rooted, policy, err := c.roots(ctx, past, namespace, listed)
	if err != nil {
		return nil, err
	}
	out := &layout.Sweep{Store: store, Before: past.Activations, Grace: policy.GracePeriod()}
	c.partition(out, listed, rooted)
	return out, nil
}

// root is a deployment that a prune keeps.
type root struct {
	*version.Meta
	// uncertain is set if its keys may not exist. Only a record names it, so it may never have
	// gone live, or an earlier prune may have deleted it.
	uncertain bool
}

// roots collects every key that a root keeps alive. It reads the records as well as the
// activations: Cloudflare's list of deployments is short, and a deployment that was
// live an hour ago may not be in it. The policy is the maximum of all their policies.
func (c *Content) roots(ctx context.Context, past *version.Past, namespace string,
	listed []string) (map[string]bool, version.Policy, error) {
	e, policy := c.Client, past.Policy
	k := e.Keys()
	rooted, blobs := make(map[string]bool), e.Blobs(k)
	found := make(map[string]root) // by manifest
	for _, d := range past.Deployments {
		if d.Meta == nil || !d.Retained || d.Meta.Namespace != namespace || !c.Owns(d.Meta) {
			continue
		}
		rooted[k.Holds(d.ID)] = true
		if before, again := found[d.Meta.Manifest]; !again || before.uncertain {
			found[d.Meta.Manifest] = root{d.Meta, d.Uncertain}
		}
	}
	var ids []string
	held := make(map[string]time.Time) // when the newest hold of a deployment was recorded
	there := make(map[string]bool, len(listed))
	for _, name := range listed {
		there[name] = true
		switch class, _, written := k.Parse(name); class {
		case manifest.KeyUnknown:
			return nil, policy, guard.Stop(guard.Unread, finding.CasePruneKey, finding.Facts{Key: name})
		case manifest.KeyRecord:
			ids = append(ids, strings.TrimPrefix(name, k.Record("")))
		case manifest.KeyHold:
			held[k.HeldFor(name)] = written // keys are listed in ascending order
		}
	}
	recorded, policy, err := c.recentRecords(ctx, namespace, ids, policy)
	if err != nil {
		return nil, policy, err
	}
	targets, err := c.readRecords(ctx, namespace, c.targets(held, there, recorded, policy))
	if err != nil {
		return nil, policy, err
	}
	recorded = append(recorded, targets...)
	for _, r := range recorded {
		rooted[k.Holds(r.Deployment)] = true
		if _, known := found[r.Manifest]; !known {
			m := &version.Meta{Deployment: r.Deployment, Manifest: r.Manifest, Next: r.Next, Namespace: namespace}
			found[r.Manifest] = root{m, true}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) { // a simulation repeats the order of the requests
		if err := c.markRoot(ctx, found[name], there, rooted, blobs); err != nil {
			return nil, policy, err
		}
	}
	return rooted, policy, nil
}

// listedWithin is how long a key may be missing from a listing because that is outdated. One
// that lacks an older key, which can be read, is not the whole one: it may also lack the
// record of a deployment that keeps blobs alive.
const listedWithin = version.MinGrace

// markRoot marks the keys of a root. Keys of an uncertain root may be gone: a manifest or
// an index that neither the listing nor a read finds keeps nothing alive, because nobody
// can roll back to it.
func (c *Content) markRoot(ctx context.Context, r root, there, rooted map[string]bool,
	blobs *site.Blobs) error {
	e, k := c.Client, c.Keys()
	stored, err := e.Stored(ctx, r.Meta)
	if r.uncertain && errors.Is(err, cloud.ErrNotFound) {
		gone, err := c.isGone(ctx, r, there)
		if gone || err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	for _, key := range stored.Keys {
		if _, _, written := k.Parse(key); !there[key] && c.Time().Sub(written) > listedWithin {
			return guard.Stop(guard.Unread, finding.CasePrunePartial, finding.Facts{Site: c.Site, Deployment: r.Deployment})
		}
	}
	if err := c.markNext(ctx, r.Meta, there, rooted); err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	if err := blobs.ReadIndexes(ctx, e.Account.Store(r.Namespace), stored.Assets); err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	for _, a := range stored.Assets {
		_, err := blobs.Chunks(a)
		if r.uncertain && errors.Is(err, cloud.ErrNotFound) && !there[k.Blob(a.Blob)] {
			continue
		}
		if err != nil {
			return guard.Stop(guard.Unread, finding.CasePruneChunks, finding.Facts{Deployment: r.Deployment, Cause: err})
		}
	}
	markRooted(rooted, k, r.Meta, stored, blobs)
	return nil
}

// isGone reports whether a value of an uncertain root's manifest does not exist: the listing lacks it,
// too.
func (c *Content) isGone(ctx context.Context, r root, there map[string]bool) (bool, error) {
	keys, err := c.Named(ctx, r.Namespace, r.Manifest)
	if errors.Is(err, cloud.ErrNotFound) {
		key, _, _, err := c.Keys().Named(r.Manifest)
		return err == nil && !there[key], nil //nolint:nilerr // the caller has the error of the read
	} else if err != nil {
		return false, fmt.Errorf("nothing was deleted: %w", err)
	}
	return slices.ContainsFunc(keys, func(key string) bool { return !there[key] }), nil
}

// markNext marks the keys of the root with which the next deployment may begin. One that neither the
// listing nor a read finds does not exist, and a deploy does without it.
func (c *Content) markNext(ctx context.Context, m *version.Meta, there, rooted map[string]bool) error {
	key, _, _, err := c.Keys().Named(m.Next)
	if err != nil {
		return nil //nolint:nilerr // the version names no root, or none that a deploy could use
	}
	keys, err := c.Named(ctx, m.Namespace, m.Next)
	if errors.Is(err, cloud.ErrNotFound) && !there[key] {
		return nil
	} else if err != nil {
		return err
	}
	for _, key := range keys {
		rooted[key] = true
	}
	return nil
}

func markRooted(rooted map[string]bool, k manifest.Keys, m *version.Meta, stored *site.Stored,
	blobs *site.Blobs) {
	rooted[k.Record(m.Deployment)] = true
	for _, key := range stored.Keys {
		rooted[key] = true
	}
	for _, ref := range m.Keeps {
		rooted[k.Blob(ref)] = true
	}
	for _, a := range stored.Assets {
		rooted[k.Blob(a.Blob)] = true
		chunks, _ := blobs.Chunks(a)
		for _, chunk := range chunks {
			rooted[k.Blob(chunk)] = true
		}
	}
}

// recentRecords reads the records of the deployments that the policy keeps. A record may
// have a longer policy, so it returns the maximum of all. A deployment ends when the next
// one begins. Records of deployments that never went live count too, which keeps a few
// keys longer than necessary.
func (c *Content) recentRecords(ctx context.Context, namespace string, ids []string,
	policy version.Policy) ([]version.Record, version.Policy, error) {
	slices.Sort(ids)
	var out []version.Record
	for from := len(ids); ; {
		first := c.firstRecent(ids, policy)
		if first >= from {
			return out, policy, nil
		}
		older, err := c.readRecords(ctx, namespace, ids[first:from])
		if err != nil {
			return nil, policy, err
		}
		for _, r := range older {
			policy = policy.Max(r.Policy)
		}
		out, from = append(out, older...), first
	}
}

// firstRecent is the index of the oldest deployment that the policy keeps.
func (c *Content) firstRecent(ids []string, p version.Policy) int {
	first := max(0, len(ids)-p.Retain)
	for first > 0 {
		// A run may take half the grace period between its id and its switch.
		if ended, _ := manifest.DeploymentTime(ids[first]); c.Time().Sub(ended) >= p.GracePeriod()*3/2 {
			break
		}
		first--
	}
	return first
}

// targets returns the deployments to which a rollback may be about to switch: those with a
// young record of a hold, which is written before the switch. A deployment of the same moment
// may be the reason why they are not retained any more. known are the records that were read.
func (c *Content) targets(held map[string]time.Time, there map[string]bool, known []version.Record,
	policy version.Policy) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(held)) {
		young := c.Time().Sub(held[id]) < policy.GracePeriod()
		isKnown := slices.ContainsFunc(known, func(r version.Record) bool { return r.Deployment == id })
		if young && !isKnown && there[c.Keys().Record(id)] {
			ids = append(ids, id)
		}
	}
	return ids
}

// readRecords reads the records of deployments. All of them must exist.
func (c *Content) readRecords(ctx context.Context, namespace string, ids []string) ([]version.Record, error) {
	var keys []string
	for _, id := range ids {
		keys = append(keys, c.Keys().Record(id))
	}
	read, err := cloud.ReadMany(ctx, c.Account.Store(namespace), keys, version.DecodeRecord)
	if err != nil {
		return nil, fmt.Errorf("nothing was deleted: read the records of deployments: %w", err)
	}
	out := make([]version.Record, len(ids))
	for i, id := range ids {
		r, exists := read[keys[i]]
		switch {
		case !exists:
			r.Err = cloud.ErrNotFound
		case r.Err == nil:
			r.Err = r.Value.Check(c.ID(), id)
		}
		if r.Err != nil {
			return nil, fmt.Errorf("nothing was deleted: read the record of deployment %s: %w", id, r.Err)
		}
		out[i] = *r.Value
	}
	return out, nil
}

// partition divides the listed keys into those to keep and those to delete.
func (c *Content) partition(out *layout.Sweep, listed []string, rooted map[string]bool) {
	for _, name := range listed {
		class, _, written := c.Keys().Parse(name)
		isRooted := rooted[name] || class == manifest.KeyHold && rooted[c.Keys().Holds(c.Keys().HeldFor(name))]
		switch {
		case isRooted, class == manifest.KeyOther:
			out.Kept.Kept++
		case c.Time().Sub(written) < out.Grace+time.Second:
			out.Kept.Young++
		default:
			out.Unrooted = append(out.Unrooted, name)
		}
	}
}
