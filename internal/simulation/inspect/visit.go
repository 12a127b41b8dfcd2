package inspect

import (
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Visit has a visitor in each location ask for every file of what is live there. A file that
// is not there is a 503, which is right only as long as a location may not have seen it.
func (k *Checker) Visit() {
	for _, s := range k.cloud.Scripts() {
		for i, l := range k.locations {
			d := l.Active(s)
			if d == nil || k.chosen[d.ID] {
				continue
			}
			v := s.Version(d.Shares[i%len(d.Shares)].Version)
			if w := k.view(v); w != nil {
				k.visit(l, v, w)
			}
		}
	}
}

func (k *Checker) visit(l *model.Location, v *model.Version, w *view) {
	for _, a := range w.stored.assets {
		key := w.says.Site + "/b/" + a.ref
		value, ok := l.Get(w.namespace, key)
		at, written := w.namespace.FirstWritten(key)
		switch {
		case ok && uint64(len(value)) != a.size: // its hash was checked when it was written
			k.violation(2, "in %s version %s serves %d bytes for %s", l.Name, v.ID, len(value), a.path)
		case !ok && !k.damaged[key] && (!written || time.Since(at) > model.SeenWithin+model.CachedFor):
			k.violation(2, "in %s version %s answers 503 for %s", l.Name, v.ID, a.path)
		}
	}
}

// Live describes what is live of a site.
type Live struct {
	// Exists is set if there is a script, and Foreign if another tool deployed what is live.
	Exists, Foreign bool
	// Commit is the newest commit that it was activated for.
	Commit, Deployment, Version string
	// Rollback is set if a rollback made it live. Hold is what the rollback holds back.
	Rollback   bool
	Hold       string
	Repository string
	Secrets    map[string]string
	// Files are its pathnames.
	Files []string
}

// Live reads what is live.
func (k *Checker) Live(site string) (out Live) {
	s := k.cloud.Script(site)
	d := s.Active()
	if d == nil {
		return out
	}
	v := s.Version(d.Main())
	out.Exists, out.Version, out.Secrets = true, v.ID, v.Secrets
	says := readSays(v)
	if out.Foreign = says == nil; out.Foreign {
		return out
	}
	out.Deployment, out.Commit, out.Repository = says.Deployment, says.Commit, says.Repository.Name
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		if m := readMessage(s.Deployments[i].Message); m.deployment == says.Deployment {
			if m.commit != "" {
				out.Commit = m.commit
			}
			out.Rollback, out.Hold = m.rollback, m.hold
			break
		}
	}
	if w := k.view(v); w != nil {
		for _, a := range w.stored.assets {
			out.Files = append(out.Files, a.path)
		}
	}
	return out
}

// WasLive reports whether a deployment of the site was ever live.
func (k *Checker) WasLive(site, deployment string) bool {
	s := k.cloud.Script(site)
	if s == nil {
		return false
	}
	for _, d := range s.Deployments {
		if says := readSays(s.Version(d.Main())); says != nil && says.Deployment == deployment {
			return true
		}
	}
	return false
}
