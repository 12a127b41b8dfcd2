package kvsync

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// retire fills in which files stay reachable although the new deployment does not
// have them, so that open tabs still find them: what is live, and what was live
// before a rollback. live is the manifest that is live.
//
// A file that code guards is none of them. Removing it, alone or together with
// the code that guarded it, must not publish it. The routings of the new
// deployment, the live one and those that a rollback left count. For a file that
// is retired already, those of the deployments before counted when they were made,
// unless an older kv-sync made the live one, which did not look at routings.
func (e *Engine) retire(ctx context.Context, l *live, p *draft, live *manifest.Manifest) {
	stay, guarded := e.retired(p.manifest, p.withRouting(live, l.meta), e.rolledBackFrom(ctx, l, p), live.Routing != nil)
	p.manifest.Retired = stay
	p.Guarded, p.RoutingUnknown = changesOf(guarded), live.Routing == nil && len(guarded) > 0
}

// retired divides what is gone from next into what stays listed and what code
// guards. A file stays listed as long as a deployment that names it is retained:
// for Retain-1 more deployments and for the grace period. Without filtered, what
// the live manifest lists as retired may have been guarded, so all of it counts so.
// A file that nobody could read, because a redirect answered in its place, is
// neither: to keep it would publish it.
func (e *Engine) retired(next, live *manifest.Manifest, left []*manifest.Manifest, filtered bool) (stay []manifest.Retired, guarded []manifest.Asset) {
	seen := make(map[string]bool)
	deployments := append([]*manifest.Manifest{live}, left...)
	guards := func(path string) bool {
		return next.Routing.Guards(path) || slices.ContainsFunc(deployments, func(m *manifest.Manifest) bool { return m.Routing.Guards(path) })
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
			add(manifest.Retired{Asset: a, Until: e.Now().Add(e.Grace).Unix(), Left: e.Retain - 1}, true)
		}
	}
	for _, r := range live.Retired {
		if r.Left--; next.At(r.Path) == nil && (r.Left > 0 || r.Until > e.Now().Unix()) {
			add(r, filtered)
		}
	}
	slices.SortFunc(stay, func(a, b manifest.Retired) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(guarded, func(a, b manifest.Asset) int { return strings.Compare(a.Path, b.Path) })
	return stay, guarded
}

// withRouting is a manifest that a deployment has, with the routing that it must
// have had where it records none. Equal Workers have equal routings: code and
// settings decide them. So a site whose Worker does not change is deployed by
// this kv-sync, after an older one, like any other.
func (p *draft) withRouting(m *manifest.Manifest, of *Meta) *manifest.Manifest {
	if m.Routing != nil || of == nil || of.Worker != p.hash {
		return m
	}
	known := *m
	known.Routing = p.worker.Routing
	return &known
}

// removedFrom returns the assets that were there and are not there now, by path.
// Both are sorted by it.
func removedFrom(now, were []manifest.Asset) (gone []manifest.Asset) {
	for i := range were {
		for len(now) > 0 && now[0].Path < were[i].Path {
			now = now[1:]
		}
		if len(now) == 0 || now[0].Path != were[i].Path {
			gone = append(gone, were[i])
		}
	}
	return gone
}

// rolledBackFrom reads the manifests of the deployments that were live before
// the rollback, or the rollbacks in a row, that made the live one so again. It
// costs requests only after a rollback, and what cannot be read is left out: it
// concerns open tabs alone.
func (e *Engine) rolledBackFrom(ctx context.Context, l *live, p *draft) []*manifest.Manifest {
	var out []*manifest.Manifest
	for i := 1; i < len(l.activations) && i < e.Retain && l.annotation().rollback; i++ {
		above := readMessage(l.activations[i-1].Message)
		if !above.rollback && above.deployment != "" {
			break
		}
		m, err := e.metaOfVersion(ctx, l.activations[i].Main())
		if err != nil || m == nil || m.Deployment == l.meta.Deployment || m.Namespace != l.meta.Namespace {
			continue
		}
		if manifest, err := e.manifest(ctx, m); err == nil {
			out = append(out, p.withRouting(manifest, m))
		}
	}
	return out
}

func changesOf(assets []manifest.Asset) (out []Change) {
	for _, a := range assets {
		out = append(out, Change{Path: a.Path, Size: a.Size})
	}
	return out
}

func retiredFiles(list []manifest.Retired) (out []RetiredFile) {
	for _, r := range list {
		out = append(out, RetiredFile{Path: r.Path, Size: r.Size, Deployments: max(r.Left, 0), Until: time.Unix(r.Until, 0).UTC()})
	}
	return out
}
