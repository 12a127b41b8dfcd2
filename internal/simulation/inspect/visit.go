package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Visit requests every file of the live deployment in each location. A file that
// is not there is a 503, which is right only as long as a location may not have seen it.
func (c *Checker) Visit() {
	for _, s := range c.cloud.Scripts() {
		for i, l := range c.locations {
			d := l.Active(s)
			if d == nil || c.chosen[d.ID] {
				continue
			}
			if w := c.view(s.Version(d.Shares[i%len(d.Shares)].Version)); w != nil {
				c.visit(l, w)
				c.visitEdits(l, s.Name, w)
			}
		}
	}
	for _, project := range slices.Sorted(maps.Keys(c.projects)) {
		for _, l := range c.locations {
			c.visitProject(l, project)
		}
	}
	for _, project := range slices.Sorted(maps.Keys(c.places)) {
		for _, l := range c.locations {
			c.visitPathnames(l, project)
		}
	}
}

func (c *Checker) visit(l *model.Location, w *view) {
	for _, a := range w.stored.assets {
		if wrong := c.get(l, w, a); wrong != "" {
			c.violation(2, "in %s version %s %s", l.Name, w.id, wrong)
		}
	}
	for _, a := range w.stored.retired { // who has an old tab open asks for it
		if wrong := c.get(l, w, a); wrong != "" && c.isRetained(w, a) {
			c.violation(12, "in %s version %s %s, which open tabs need", l.Name, w.id, wrong)
		}
	}
}

// get asks for a file: its value, or its chunks. It says what is wrong with the answer, or "".
func (c *Checker) get(l *model.Location, w *view, a asset) string {
	if part := w.partOf[a.path]; part != "" {
		value, wrong := c.look(l, w, part)
		switch {
		case wrong:
			return "answers 503 for " + a.path + ", whose part is not there"
		case value == nil:
			return "" // the visitor gets a 503, which is right
		}
	}
	x := w.chunks[a.ref]
	if x == nil {
		return c.getValue(l, w, a.path, a.ref, a.size)
	}
	for i, ref := range x.chunks {
		if wrong := c.getValue(l, w, a.path, ref, x.bytes(i)); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (c *Checker) getValue(l *model.Location, w *view, path, ref string, size uint64) string {
	value, wrong := c.look(l, w, w.key(ref))
	if value != nil && uint64(len(value)) != size { // its hash was checked when it was written
		return fmt.Sprintf("serves %d bytes for %s", len(value), path)
	}
	if wrong {
		return "answers 503 for " + path
	}
	return ""
}

// fetch has a location read a key of a version, which must be there once the location sees it.
func (c *Checker) fetch(l *model.Location, w *view, key, what string) {
	if _, wrong := c.look(l, w, key); wrong {
		c.violation(2, "in %s version %s answers 503 for %s", l.Name, w.id, what)
	}
}

// look has a location read a key. wrong is set if it finds nothing, and should.
func (c *Checker) look(l *model.Location, w *view, key string) (value []byte, wrong bool) {
	value, ok := l.Get(w.namespace, key)
	if ok {
		return value, false
	}
	at, written := w.namespace.FirstWritten(key)
	return nil, !c.damaged[key] && (!written || time.Since(at) > model.SeenWithin+model.CachedFor)
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
func (c *Checker) Live(site string) (out Live) {
	if out, ok := c.livePathnames(site); ok {
		return out
	}
	if strings.HasPrefix(site, projects) {
		return c.liveProject(site)
	}
	s := c.cloud.Script(site)
	d := s.Active()
	if d == nil {
		return out
	}
	v := s.Version(d.Main())
	out.Exists, out.Version, out.Secrets = true, v.ID, v.Secrets
	w := c.view(v)
	if out.Foreign = c.readSays(v) == nil; out.Foreign || w == nil {
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
func (c *Checker) WasLive(site, deployment string) bool { return c.lived[site+" "+deployment] }
