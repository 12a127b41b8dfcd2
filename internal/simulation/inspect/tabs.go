package inspect

import (
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// tabs checks that files of the deployments before, which open tabs may still ask for, stay
// reachable in one that is deployed over them, as long as they are retained.
func (c *Checker) tabs(by string, s *model.Script, d *model.Deployment) {
	if !keepsTabs(d) || len(d.Shares) != 1 || d.Message == "" {
		return
	}
	before := s.Deployments[:len(s.Deployments)-1]
	if slices.ContainsFunc(before, func(b *model.Deployment) bool { return b.Shares[0].Version == d.Main() }) {
		return // it was made live before
	}
	next := c.view(s.Version(d.Main()))
	if next != nil && next.says.Index != "" {
		return // the layout kv-assets keeps no removed file reachable
	}
	kept := c.retained(c.past(s.Name), c.looked[by]).views
	for base := over(before, d); next != nil && base != nil; base = over(before, base) {
		old := c.view(s.Version(base.Main()))
		if old == nil || !slices.Contains(kept, old) {
			return
		}
		c.reachable(by, old, next)
		if !keepsTabs(base) {
			return
		}
	}
}

// keepsTabs reports whether a deployment was made by a run that keeps removed files reachable.
func keepsTabs(d *model.Deployment) bool {
	_, kind := actor(d.By)
	return kind != Rollback && kind != Forget && kind != Other
}

// over is the deployment on which another one was planned, or nil.
func over(all []*model.Deployment, d *model.Deployment) *model.Deployment {
	for _, b := range all {
		if strings.Contains(d.Message, "kv-sync-over:"+b.ID+" ") {
			return b
		}
	}
	return nil
}

// reachable checks that a version serves the files of an earlier one, which open tabs ask for.
func (c *Checker) reachable(by string, old, next *view) {
	for _, a := range old.stored.assets {
		if _, ok := next.served.find(a.path); !ok && !c.isDeleted(next.says.Site, a.path) {
			c.violation(12, "%s removes %s of version %s, and it is not reachable for open tabs", by, a.path, old.id)
		}
	}
}

// isRetained reports whether a retained version of the site has a file of this one.
func (c *Checker) isRetained(w *view, a asset) bool {
	site, _ := split(w.says.Site + "/")
	key := w.says.Site + "/b/" + a.ref
	kept := c.retained(c.past(site.site), time.Time{}).views
	return slices.ContainsFunc(kept, func(r *view) bool { return r.keys[key] })
}
