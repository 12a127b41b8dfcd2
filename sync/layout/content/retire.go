package content

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

// retire fills in which files stay reachable for open tabs although the new deployment
// does not have them: those of the live deployment, and those that were live before a
// rollback. live is the live manifest.
//
// Files that code guards are not retired: their removal, alone or together with the
// code that guarded them, must not publish them. A file counts as guarded if the routing
// of the new deployment, of the live one, or of one that a rollback left guards it. For
// a file that is retired already, earlier deployments have applied their routings,
// unless an older kv-sync made the live deployment: it did not consider routings.
func (c *Content) retire(ctx context.Context, l *version.Live, d *contentDraft, live *manifest.Manifest) {
	stay, guarded := c.retired(d.Manifest, d.withRouting(live, l.Meta), c.rolledBackFrom(ctx, l, d), live.Routing != nil)
	d.Manifest.Retired = stay
	d.Guarded, d.RoutingUnknown = changesOf(guarded), live.Routing == nil && len(guarded) > 0
}

// retired divides what next removes into files that stay reachable and files that code
// guards. A file stays reachable while a deployment that names it is retained: for
// Retain-1 more deployments and for the grace period. If filtered is false, retired
// files of the live manifest may have been guarded, so all of them count as guarded. A
// file that a redirect made unreachable is in neither result, because retiring it would
// publish it.
func (c *Content) retired(next, live *manifest.Manifest, left []*manifest.Manifest,
	filtered bool) (stay []manifest.Retired, guarded []manifest.Asset) {
	seen := make(map[string]bool)
	deployments := append([]*manifest.Manifest{live}, left...)
	guards := func(path string) bool {
		return next.Routing.Guards(path) || slices.ContainsFunc(deployments,
			func(m *manifest.Manifest) bool { return m.Routing.Guards(path) })
	}
	add := func(r manifest.Retired, filtered bool) {
		if seen[r.Path] {
			return
		}
		seen[r.Path] = true
		r.OID = ""
		if !filtered || guards(r.Path) {
			guarded = append(guarded, r.Asset)
		} else {
			stay = append(stay, r)
		}
	}
	for _, m := range deployments {
		redirected := m.Redirected()
		for _, a := range removedFrom(next.Assets, m.Assets) {
			if redirected(a.Path) {
				seen[a.Path] = true
				continue
			}
			add(manifest.Retired{Asset: a, Until: c.Time().Add(c.Grace).Unix(), Left: c.Retain - 1}, true)
		}
	}
	for _, r := range live.Retired {
		if r.Left--; next.At(r.Path) == nil && (r.Left > 0 || r.Until > c.Time().Unix()) {
			add(r, filtered)
		}
	}
	slices.SortFunc(stay, func(a, b manifest.Retired) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(guarded, func(a, b manifest.Asset) int { return strings.Compare(a.Path, b.Path) })
	return stay, guarded
}

// withRouting returns a manifest with a routing. An older kv-sync recorded none. Then the
// manifest gets the routing of this plan if its Worker is the same, because equal Workers
// have equal routings.
func (d *contentDraft) withRouting(m *manifest.Manifest, of *version.Meta) *manifest.Manifest {
	if m.Routing != nil || of == nil || of.Worker != d.Hash {
		return m
	}
	known := *m
	known.Routing = d.Worker.Routing
	return &known
}

// removedFrom returns the assets of before whose path is not in now. Both are sorted by
// path.
func removedFrom(now, before []manifest.Asset) (gone []manifest.Asset) {
	for i := range before {
		for len(now) > 0 && now[0].Path < before[i].Path {
			now = now[1:]
		}
		if len(now) == 0 || now[0].Path != before[i].Path {
			gone = append(gone, before[i])
		}
	}
	return gone
}

// rolledBackFrom reads the manifests of the deployments that were live before the
// rollback, or successive rollbacks, to the live one. It sends requests only after a
// rollback. It skips manifests that cannot be read, because they only matter to open
// tabs.
func (c *Content) rolledBackFrom(ctx context.Context, l *version.Live, d *contentDraft) []*manifest.Manifest {
	var out []*manifest.Manifest
	for i := 1; i < len(l.Activations) && i < c.Retain && l.Message().Rollback; i++ {
		above := version.ReadMessage(l.Activations[i-1].Message)
		if !above.Rollback && above.Deployment != "" {
			break
		}
		m, err := c.MetaOf(ctx, l.Activations[i].Main())
		if err != nil || m == nil || m.Deployment == l.Meta.Deployment || m.Namespace != l.Meta.Namespace {
			continue
		}
		if manifest, err := c.Manifest(ctx, m); err == nil {
			out = append(out, d.withRouting(manifest, m))
		}
	}
	return out
}

func changesOf(assets []manifest.Asset) (out []plan.Change) {
	for _, a := range assets {
		out = append(out, plan.Change{Path: a.Path, Size: a.Size})
	}
	return out
}

func retiredFiles(list []manifest.Retired) (out []plan.RetiredFile) {
	for _, r := range list {
		out = append(out, plan.RetiredFile{Path: r.Path, Size: r.Size, Deployments: max(r.Left, 0),
			Until: time.Unix(r.Until, 0).UTC()})
	}
	return out
}
