package inspect

import (
	"cmp"
	"maps"
	"slices"
	"strings"
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
			if w := k.view(s.Version(d.Shares[i%len(d.Shares)].Version)); w != nil {
				k.visit(l, w)
			}
		}
	}
	for _, project := range slices.Sorted(maps.Keys(k.projects)) {
		for _, l := range k.locations {
			k.visitProject(l, project)
		}
	}
}

func (k *Checker) visit(l *model.Location, w *view) {
	for _, a := range w.stored.assets {
		value, ok := k.fetch(l, w, w.says.Site+"/b/"+a.ref, a.path)
		if ok && uint64(len(value)) != a.size { // its hash was checked when it was written
			k.violation(2, "in %s version %s serves %d bytes for %s", l.Name, w.id, len(value), a.path)
		}
	}
}

// fetch has a location read a key of a version.
func (k *Checker) fetch(l *model.Location, w *view, key, what string) ([]byte, bool) {
	value, ok := l.Get(w.namespace, key)
	at, written := w.namespace.FirstWritten(key)
	if !ok && !k.damaged[key] && (!written || time.Since(at) > model.SeenWithin+model.CachedFor) {
		k.violation(2, "in %s version %s answers 503 for %s", l.Name, w.id, what)
	}
	return value, ok
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
	// Files are the SHA-256 of its files, by pathname.
	Files map[string]string
}

// Live reads what is live of a site or a project.
func (k *Checker) Live(site string) (out Live) {
	if strings.HasPrefix(site, projects) {
		return k.liveProject(site)
	}
	s := k.cloud.Script(site)
	d := s.Active()
	if d == nil {
		return out
	}
	v := s.Version(d.Main())
	out.Exists, out.Version, out.Secrets = true, v.ID, v.Secrets
	w := k.view(v)
	if out.Foreign = readSays(v) == nil; out.Foreign || w == nil {
		return out
	}
	var says message
	for _, a := range slices.Backward(s.Deployments) {
		if says = readMessage(a.Message); says.deployment == w.says.Deployment {
			break
		}
		says = message{}
	}
	out.describe(w, says)
	return out
}

// describe adds what a version and the newest message about it say.
func (l *Live) describe(w *view, m message) {
	l.Deployment, l.Repository = w.says.Deployment, w.says.Repository.Name
	l.Commit = cmp.Or(m.commit, w.says.Commit)
	l.Rollback, l.Hold = m.rollback, m.hold
	l.Files = make(map[string]string)
	for _, a := range w.stored.assets {
		l.Files[a.path], _, _ = strings.Cut(a.ref, ".")
	}
}

// WasLive reports whether a deployment of the site was ever live.
func (k *Checker) WasLive(site, deployment string) bool { return k.lived[site+" "+deployment] }
