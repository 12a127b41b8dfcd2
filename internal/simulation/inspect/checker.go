package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Checker checks each change of a cloud. Who changes something is called "site/what": a run of
// kv-sync for that site, of the kind "what". It implements [model.Observer].
type Checker struct {
	// Violations are what broke a promise, each once, with the promise's number in front.
	Violations []string

	cloud     *model.Cloud
	damaged   map[string]bool      // keys that another tool has deleted
	chosen    map[string]bool      // ids of deployments of another tool
	looked    map[string]time.Time // when somebody last listed the deployments
	locations []*model.Location
	seen      map[any]*view
	said      map[*model.Version]*says // what versions say; they never change
	lived     map[string]bool          // sites with deployments that were live
	projects  map[string]string        // the namespace of each project, by its name
	places    map[string]string        // the same of those in the layout pathname
	isolates  map[string]loaded        // of loaders, by location and project
	edits     *overlays
}

var _ model.Observer = (*Checker)(nil)

// New observes a cloud. The seed decides how late locations see what is written.
func New(cloud *model.Cloud, seed uint64) *Checker {
	c := &Checker{cloud: cloud, seen: make(map[any]*view), said: make(map[*model.Version]*says),
		damaged: make(map[string]bool),
		chosen:  make(map[string]bool), looked: make(map[string]time.Time), projects: make(map[string]string),
		places: make(map[string]string),
		lived:  make(map[string]bool), isolates: make(map[string]loaded), edits: newOverlays()}
	for _, name := range []string{"Vienna", "Tokyo", "Lima"} {
		c.locations = append(c.locations, &model.Location{Name: name, Seed: seed})
	}
	cloud.Observer = c
	return c
}

// Clone returns a checker that knows the same, and observes a clone of the cloud.
func (c *Checker) Clone(cloud *model.Cloud) *Checker {
	out := &Checker{Violations: slices.Clone(c.Violations), cloud: cloud, damaged: maps.Clone(c.damaged),
		chosen: maps.Clone(c.chosen), looked: maps.Clone(c.looked), seen: make(map[any]*view, len(c.seen)),
		said: maps.Clone(c.said), lived: maps.Clone(c.lived), projects: maps.Clone(c.projects), places: maps.Clone(c.places),
		isolates: maps.Clone(c.isolates), edits: c.edits.clone()}
	for key, w := range c.seen {
		if w != nil {
			next := *w
			next.namespace = cloud.Namespace(w.namespace.ID)
			w = &next
		}
		out.seen[key] = w
	}
	for _, l := range c.locations {
		out.locations = append(out.locations, l.Clone())
	}
	cloud.Observer = out
	return out
}

func (c *Checker) violation(promise int, format string, args ...any) {
	text := fmt.Sprintf("promise %d: ", promise) + fmt.Sprintf(format, args...)
	if !slices.Contains(c.Violations, text) {
		c.Violations = append(c.Violations, text)
	}
}

// Kinds of actors that have rights of their own.
const (
	// Rollback is the kind of a run that rolls back: it writes nothing but a hold record.
	Rollback = "rollback"
	// Forget is the kind of a run that keeps no removed file reachable.
	Forget = "forget"
	// Delete is the kind of a run that deletes a site or a project, with the overlay.
	Delete = "delete"
	// Writer is the kind of who writes at run time: only it changes the overlay.
	Writer = "writer"
	// Other is the kind of another tool, to which the promises do not apply.
	Other = "other"
)

// Put implements [model.Observer].
func (c *Checker) Put(by string, n *model.Namespace, key string, value []byte, before []model.Write) {
	of, rest := split(key)
	_, kind := actor(by)
	if kind == Other {
		c.damaged[key] = true
		return
	}
	if c.putAsset(by, n, key, value, before) {
		return
	}
	c.may(by, key)
	letter, name, _ := strings.Cut(rest, "/")
	switch letter {
	case "b", "m", "t", "p":
		if hash, _, _ := strings.Cut(name, "."); !hashes(value, hash) {
			c.violation(1, "%s writes %s, which does not hash to its key", by, key)
		}
		c.once(by, key, value, before)
	case "d", "h":
		c.once(by, key, value, before)
	case "r", "o":
	case "current":
		c.switched(by, n, key, value, before)
	case "assets", "manifest":
		c.putPathname(by, n, of, rest, before)
	default:
		c.violation(9, "%s writes %s, which is no key of %s", by, key, of.site)
	}
	if kind == Rollback && letter != "h" && letter != "current" || kind == Delete && letter != "current" {
		c.violation(7, "%s uploads %s", by, key)
	}
}

// once checks that a key is written once, or again with the same bytes while it is there.
func (c *Checker) once(by, key string, value []byte, before []model.Write) {
	for _, w := range before {
		switch {
		case w.Gone:
			c.violation(11, "%s writes %s, which was deleted", by, key)
		case string(w.Value) != string(value):
			c.violation(1, "%s writes other bytes to %s", by, key)
		}
	}
}

// may checks that an actor changes only what is its own.
func (c *Checker) may(by, key string) {
	site, kind := actor(by)
	of, rest := split(key)
	if of.site != site {
		c.violation(9, "%s changes %s", by, key)
	}
	if strings.HasPrefix(rest, "o/") != (kind == Writer) && kind != Delete {
		c.violation(10, "%s changes %s", by, key)
	}
}

// Deleted implements [model.Observer].
func (c *Checker) Deleted(by string, n *model.Namespace, key string) {
	if _, kind := actor(by); kind == Other {
		c.damaged[key] = true
		return
	}
	if site, ok := assetsOf(n); ok {
		c.deletedAsset(by, site, n, key)
		return
	}
	c.may(by, key)
	of, rest := split(key)
	if strings.HasPrefix(rest, "assets/") || rest == "manifest" {
		c.deletedPathname(by, n, of, rest)
		return
	}
	if _, kind := actor(by); kind == Delete {
		c.deletedBy(by, n, key)
		return
	}
	if strings.HasPrefix(rest, "o/") {
		return
	}
	past := c.past(of.site)
	if len(past) == 0 {
		c.violation(4, "%s deletes %s, and nothing is live", by, key)
		return
	}
	kept := c.retained(past, c.looked[by])
	if at, ok := written(rest); !ok {
		c.violation(4, "%s deletes %s, whose age is not known", by, key)
	} else if age := time.Since(at); age < kept.grace {
		c.violation(4, "%s deletes %s, which is %s old", by, key, age)
	}
	for _, w := range kept.views {
		if w.keys[key] && w.namespace == n {
			c.violation(1, "%s deletes %s, which the retained version %s needs", by, key, w.id)
			return
		}
		if w.nextKeys[key] && w.namespace == n {
			c.violation(1, "%s deletes %s, with which the deploy after version %s may begin", by, key, w.id)
			return
		}
	}
}

// Activated implements [model.Observer].
func (c *Checker) Activated(by string, s *model.Script, d *model.Deployment) {
	site, kind := actor(by)
	if kind == Other {
		c.chosen[d.ID] = true
		return
	}
	if site+companion == s.Name {
		return
	}
	if site != s.Name {
		c.violation(9, "%s activates a version of %s", by, s.Name)
	}
	if again, ok := strings.CutPrefix(d.Message, "kv-sync-again:"); ok {
		if of, _, _ := strings.Cut(again, " "); c.chosen[of] {
			c.chosen[d.ID] = true // it restores what another tool has chosen
			return
		}
	}
	for _, share := range d.Shares {
		if w := c.view(s.Version(share.Version)); w != nil {
			c.adopts(by, s.Name, w, c.plannedOn(s, d))
			c.lives(by, s.Name, w)
		}
	}
	c.tabs(by, s, d)
	c.follows(by, s, d)
}

// companion is what the name of the script with a site's overlay ends in.
const companion = "-overlay"

// plannedOn is what was live when an activation was planned, or nil.
func (c *Checker) plannedOn(s *model.Script, d *model.Deployment) *view {
	base := over(s.Deployments, d)
	if base == nil {
		return nil
	}
	return c.view(s.Version(base.Main()))
}

// Looked says that somebody lists the deployments. Who deletes keys cannot know what another
// tool makes live after that.
func (c *Checker) Looked(by string) { c.looked[by] = time.Now() }

// lives checks a version that becomes live.
func (c *Checker) lives(by, site string, w *view) {
	c.lived[site+" "+w.says.Deployment] = true
	c.whole(by+" activates "+w.id, w)
}

// whole checks that all is there that a version needs.
func (c *Checker) whole(what string, w *view) {
	for _, key := range slices.Sorted(maps.Keys(w.keys)) {
		if _, ok := w.namespace.Get(key); !ok {
			c.violation(1, "%s, and %s is not there", what, key)
			return
		}
	}
}

// End checks what is left when nothing happens any more.
func (c *Checker) End() {
	c.newestWhole()
	for _, site := range c.sites() {
		for _, w := range c.retained(c.past(site), time.Time{}).views {
			if !c.isDamaged(w) {
				c.whole("at the end "+w.id+" is retained", w)
			}
		}
	}
}

// sites are all sites and projects.
func (c *Checker) sites() (all []string) {
	for _, s := range c.cloud.Scripts() {
		all = append(all, s.Name)
	}
	return append(all, slices.Sorted(maps.Keys(c.projects))...)
}

// isDamaged reports whether another tool has deleted something that a version needs.
func (c *Checker) isDamaged(w *view) bool {
	for key := range w.keys {
		if c.damaged[key] {
			return true
		}
	}
	return false
}
