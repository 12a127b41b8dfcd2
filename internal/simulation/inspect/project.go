package inspect

import (
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// switched checks what is written as a project's pointer: a switch, or a deletion.
func (c *Checker) switched(by string, n *model.Namespace, key string, value []byte, before []model.Write) {
	of, _ := split(key)
	c.projects[of.site] = n.ID
	var old *pointer
	if len(before) > 0 {
		last := before[len(before)-1]
		if string(last.Value) == string(value) {
			return // it is written again
		}
		old, _ = readPointer(last.Value) // another tool may have damaged it
	}
	p, err := readPointer(value)
	if err != nil {
		c.violation(1, "%s writes %s: %v", by, key, err)
		return
	}
	if p.Deleted != "" {
		c.tombstone(by, n, of.site, old, p)
		return
	}
	if _, kind := actor(by); kind == Delete {
		c.violation(9, "%s makes a version live", by)
	}
	if old != nil && p.Incarnation != old.Incarnation {
		c.violation(9, "%s makes incarnation %q live, want %q", by, p.Incarnation, old.Incarnation)
	}
	of.incarnation = p.Incarnation
	w := c.projectView(n, of, p.Activations[0].Version, p.Version)
	if w == nil {
		return
	}
	c.lives(by, of.site, w)
	if old == nil || old.Deleted != "" {
		return
	}
	if time.Since(before[len(before)-1].At) > model.SeenWithin && !p.follows(old) {
		c.violation(5, "%s forgets what was active before", by)
	}
	base := c.projectView(n, of, old.Activations[0].Version, old.Version)
	rollback := strings.HasPrefix(p.Activations[0].Message, "Rollback to ")
	if base != nil && w.code == "" && base.code == "" && !rollback { // code gets every request
		c.reachable(by, base, w)
	}
}

// follows reports whether the activations are those of the pointer before, and a new one.
func (p *pointer) follows(old *pointer) bool {
	for i, a := range p.Activations[1:] {
		if i >= len(old.Activations) || a != old.Activations[i] {
			return false
		}
	}
	return len(p.Activations) == min(len(old.Activations)+1, mostActivations)
}

// tombstone checks a deletion: the next project of this id has keys that none before had.
func (c *Checker) tombstone(by string, n *model.Namespace, site string, old, p *pointer) {
	if _, kind := actor(by); kind != Delete {
		c.violation(9, "%s deletes %s", by, site)
	}
	if old != nil && old.Deleted == "" && p.Incarnation <= old.Incarnation {
		c.violation(9, "%s: incarnation %s follows %s", by, p.Incarnation, old.Incarnation)
	}
	for _, key := range n.KeysAt(site+"@", time.Now()) {
		if of, _ := split(key); of.incarnation >= p.Incarnation {
			c.violation(9, "%s: the next incarnation is %s, and there is %s", by, p.Incarnation, key)
		}
	}
}

// projectView reads a version of a project, or returns nil.
func (c *Checker) projectView(n *model.Namespace, of owner, id string, version []byte) *view {
	key := of.id() + "/b/" + id
	if w, ok := c.seen[n.ID+key]; ok {
		return w
	}
	v, err := readProjectVersion(version, of)
	var w *view
	if err == nil {
		served, _ := n.Get(of.id() + "/b/" + v.Served)
		if w, err = c.read(id, n, v.Says, served); err == nil {
			w.code, w.keys[key], w.keys[of.id()+"/b/"+v.Served] = v.Main, true, true
			w.servedKey = of.id() + "/b/" + v.Served
		}
	}
	if err != nil {
		c.violation(1, "version %s of %s: %v", id, of.id(), err)
	}
	c.seen[n.ID+key] = w
	return w
}

// project is what the pointer says, centrally; nil if there is none that can be read.
func (c *Checker) project(site string) (*model.Namespace, *pointer) {
	n := c.cloud.Namespace(c.projects[site])
	if n == nil {
		return nil, nil
	}
	b, ok := n.Get(site + "/current")
	if !ok {
		return n, nil
	}
	p, err := readPointer(b)
	if err != nil {
		return n, nil
	}
	return n, p
}

// projectPast is what was live of a project, oldest first.
func (c *Checker) projectPast(site string) (all []activation) {
	n, p := c.project(site)
	if p == nil || p.Deleted != "" {
		return nil
	}
	of := owner{site, p.Incarnation}
	for _, a := range slices.Backward(p.Activations) {
		version, _ := n.Get(of.id() + "/b/" + a.Version)
		if w := c.projectView(n, of, a.Version, version); w != nil {
			all = append(all, activation{id: a.ID, at: a.Time, message: a.Message, views: []*view{w}})
		}
	}
	return all
}

// deletedBy checks what a run deletes that deletes a site or a project.
func (c *Checker) deletedBy(by string, n *model.Namespace, key string) {
	of, rest := split(key)
	if _, p := c.project(of.site); rest == "current" || p != nil && of.incarnation > p.Incarnation ||
		p != nil && p.Deleted != "" && of.incarnation == p.Incarnation {
		c.violation(9, "%s deletes %s, which is of the next project", by, key)
	}
	for _, w := range c.retained(c.past(of.site), time.Time{}).views {
		if w.keys[key] && w.namespace == n {
			c.violation(1, "%s deletes %s, which version %s needs", by, key, w.id)
			return
		}
	}
}

// loaderTime is for how long an isolate takes what is active for granted.
const loaderTime = 30 * time.Second

// loaded is what an isolate of a loader remembers.
type loaded struct {
	pointer *pointer
	until   time.Time
}

// visitProject has a visitor in a location ask a loader for each file of a project.
func (c *Checker) visitProject(l *model.Location, site string) {
	n, now := c.project(site)
	isolate := l.Name + " " + site
	at, ok := c.isolates[isolate]
	if !ok || !time.Now().Before(at.until) {
		b, ok := l.Get(n, site+"/current")
		if !ok {
			return // and not cached
		}
		p, err := readPointer(b)
		if err != nil {
			return // it was checked when it was written
		}
		at = loaded{p, time.Now().Add(loaderTime)}
		c.isolates[isolate] = at
	}
	p := at.pointer
	if p.Deleted != "" {
		return
	}
	if now != nil && (now.Incarnation != p.Incarnation) {
		return // it was deleted, which is not seen here yet
	}
	of := owner{site, p.Incarnation}
	if w := c.projectView(n, of, p.Activations[0].Version, p.Version); w != nil {
		c.fetch(l, w, w.servedKey, "its assets")
		if w.code != "" {
			c.fetch(l, w, of.id()+"/b/"+w.id, "its code")
		}
		c.visit(l, w)
	}
}

// liveProject is what is live of a project.
func (c *Checker) liveProject(site string) (out Live) {
	n, p := c.project(site)
	if p == nil || p.Deleted != "" {
		return out
	}
	a := p.Activations[0]
	out.Exists, out.Version = true, a.Version
	w := c.projectView(n, owner{site, p.Incarnation}, a.Version, p.Version)
	if w == nil {
		return out
	}
	out.describe(w, readMessage(a.Message))
	return out
}

// Left are the keys of a site or of a project, without its pointer and without those of the
// incarnation that is live or comes next.
func (c *Checker) Left(site string) (all []string) {
	_, p := c.project(site)
	for _, n := range c.cloud.Namespaces() {
		for _, key := range n.KeysAt(site, time.Now()) {
			of, rest := split(key)
			if of.site == site && rest != "current" && (p == nil || of.incarnation < p.Incarnation) {
				all = append(all, key)
			}
		}
	}
	return all
}
