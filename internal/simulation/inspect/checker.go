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
	// Violations are what broke a promise, each with the promise's number in front.
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
}

var _ model.Observer = (*Checker)(nil)

// New observes a cloud. The seed decides how late locations see what is written.
func New(c *model.Cloud, seed uint64) *Checker {
	k := &Checker{cloud: c, seen: make(map[any]*view), said: make(map[*model.Version]*says),
		damaged: make(map[string]bool),
		chosen:  make(map[string]bool), looked: make(map[string]time.Time), projects: make(map[string]string),
		places: make(map[string]string),
		lived:  make(map[string]bool), isolates: make(map[string]loaded)}
	for _, name := range []string{"Vienna", "Tokyo", "Lima"} {
		k.locations = append(k.locations, &model.Location{Name: name, Seed: seed})
	}
	c.Observer = k
	return k
}

// Clone returns a checker that knows the same, and observes a clone of the cloud.
func (k *Checker) Clone(c *model.Cloud) *Checker {
	out := &Checker{Violations: slices.Clone(k.Violations), cloud: c, damaged: maps.Clone(k.damaged),
		chosen: maps.Clone(k.chosen), looked: maps.Clone(k.looked), seen: make(map[any]*view, len(k.seen)),
		said: maps.Clone(k.said), lived: maps.Clone(k.lived), projects: maps.Clone(k.projects), places: maps.Clone(k.places),
		isolates: maps.Clone(k.isolates)}
	for key, w := range k.seen {
		if w != nil {
			next := *w
			next.namespace = c.Namespace(w.namespace.ID)
			w = &next
		}
		out.seen[key] = w
	}
	for _, l := range k.locations {
		out.locations = append(out.locations, l.Clone())
	}
	c.Observer = out
	return out
}

func (k *Checker) violation(promise int, format string, args ...any) {
	k.Violations = append(k.Violations, fmt.Sprintf("promise %d: ", promise)+fmt.Sprintf(format, args...))
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
func (k *Checker) Put(by string, n *model.Namespace, key string, value []byte, before []model.Write) {
	of, rest := split(key)
	_, kind := actor(by)
	if kind == Other {
		k.damaged[key] = true
		return
	}
	if k.putAsset(by, n, key, value, before) {
		return
	}
	k.may(by, key)
	letter, name, _ := strings.Cut(rest, "/")
	switch letter {
	case "b", "m":
		if hash, _, _ := strings.Cut(name, "."); !hashes(value, hash) {
			k.violation(1, "%s writes %s, which does not hash to its key", by, key)
		}
		k.once(by, key, value, before)
	case "d", "h":
		k.once(by, key, value, before)
	case "r", "o":
	case "current":
		k.switched(by, n, key, value, before)
	case "assets", "manifest":
		k.putPathname(by, n, of, rest, before)
	default:
		k.violation(9, "%s writes %s, which is no key of %s", by, key, of.site)
	}
	if kind == Rollback && letter != "h" && letter != "current" || kind == Delete && letter != "current" {
		k.violation(7, "%s uploads %s", by, key)
	}
}

// once checks that a key is written once, or again with the same bytes while it is there.
func (k *Checker) once(by, key string, value []byte, before []model.Write) {
	for _, w := range before {
		switch {
		case w.Gone:
			k.violation(11, "%s writes %s, which was deleted", by, key)
		case string(w.Value) != string(value):
			k.violation(1, "%s writes other bytes to %s", by, key)
		}
	}
}

// may checks that an actor changes only what is its own.
func (k *Checker) may(by, key string) {
	site, kind := actor(by)
	of, rest := split(key)
	if of.site != site {
		k.violation(9, "%s changes %s", by, key)
	}
	if strings.HasPrefix(rest, "o/") != (kind == Writer) && kind != Delete {
		k.violation(10, "%s changes %s", by, key)
	}
}

// Deleted implements [model.Observer].
func (k *Checker) Deleted(by string, n *model.Namespace, key string) {
	if _, kind := actor(by); kind == Other {
		k.damaged[key] = true
		return
	}
	if site, ok := assetsOf(n); ok {
		k.deletedAsset(by, site, n, key)
		return
	}
	k.may(by, key)
	of, rest := split(key)
	if strings.HasPrefix(rest, "assets/") || rest == "manifest" {
		k.deletedPathname(by, n, of, rest)
		return
	}
	if _, kind := actor(by); kind == Delete {
		k.deletedBy(by, n, key)
		return
	}
	if strings.HasPrefix(rest, "o/") {
		return
	}
	past := k.past(of.site)
	if len(past) == 0 {
		k.violation(4, "%s deletes %s, and nothing is live", by, key)
		return
	}
	kept := k.retained(past, k.looked[by])
	if at, ok := written(rest); !ok {
		k.violation(4, "%s deletes %s, whose age is not known", by, key)
	} else if age := time.Since(at); age < kept.grace {
		k.violation(4, "%s deletes %s, which is %s old", by, key, age)
	}
	for _, w := range kept.views {
		if w.keys[key] && w.namespace == n {
			k.violation(1, "%s deletes %s, which the retained version %s needs", by, key, w.id)
			return
		}
	}
}

// Activated implements [model.Observer].
func (k *Checker) Activated(by string, s *model.Script, d *model.Deployment) {
	site, kind := actor(by)
	if kind == Other {
		k.chosen[d.ID] = true
		return
	}
	if site != s.Name {
		k.violation(9, "%s activates a version of %s", by, s.Name)
	}
	for _, share := range d.Shares {
		if w := k.view(s.Version(share.Version)); w != nil {
			k.lives(by, s.Name, w)
		}
	}
	k.tabs(by, s, d)
}

// Looked says that somebody lists the deployments. Who deletes keys cannot know what another
// tool makes live after that.
func (k *Checker) Looked(by string) { k.looked[by] = time.Now() }

// lives checks a version that becomes live.
func (k *Checker) lives(by, site string, w *view) {
	k.lived[site+" "+w.says.Deployment] = true
	k.whole(by+" activates "+w.id, w)
}

// whole checks that all is there that a version needs.
func (k *Checker) whole(what string, w *view) {
	for key := range w.keys {
		if _, ok := w.namespace.Get(key); !ok {
			k.violation(1, "%s, and %s is not there", what, key)
			return
		}
	}
}

// End checks what is left when nothing happens any more.
func (k *Checker) End() {
	k.newestWhole()
	for _, site := range k.sites() {
		for _, w := range k.retained(k.past(site), time.Time{}).views {
			if !k.isDamaged(w) {
				k.whole("at the end "+w.id+" is retained", w)
			}
		}
	}
}

// sites are all sites and projects.
func (k *Checker) sites() (all []string) {
	for _, s := range k.cloud.Scripts() {
		all = append(all, s.Name)
	}
	return append(all, slices.Sorted(maps.Keys(k.projects))...)
}

// isDamaged reports whether another tool has deleted something that a version needs.
func (k *Checker) isDamaged(w *view) bool {
	for key := range w.keys {
		if k.damaged[key] {
			return true
		}
	}
	return false
}
