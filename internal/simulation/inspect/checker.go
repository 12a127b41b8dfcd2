package inspect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	seen      map[*model.Version]*view
}

var _ model.Observer = (*Checker)(nil)

// New observes a cloud. The seed decides how late locations see what is written.
func New(c *model.Cloud, seed uint64) *Checker {
	k := &Checker{cloud: c, seen: make(map[*model.Version]*view), damaged: make(map[string]bool),
		chosen: make(map[string]bool), looked: make(map[string]time.Time)}
	for _, name := range []string{"Vienna", "Tokyo", "Lima"} {
		k.locations = append(k.locations, &model.Location{Name: name, Seed: seed})
	}
	c.Observer = k
	return k
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
	// Writer is the kind of who writes at run time: only it changes the overlay.
	Writer = "writer"
	// Other is the kind of another tool, to which the promises do not apply.
	Other = "other"
)

// actor is the site and the kind of who changes something.
func actor(by string) (site, kind string) {
	site, kind, _ = strings.Cut(by, "/")
	kind, _, _ = strings.Cut(kind, " ")
	return site, kind
}

// split divides a key into the site and the rest.
func split(key string) (site, rest string) {
	site, rest, _ = strings.Cut(key, "/")
	return site, rest
}

// Put implements [model.Observer].
func (k *Checker) Put(by string, _ *model.Namespace, key string, value []byte, before []model.Write) {
	site, rest := split(key)
	k.may(by, key)
	letter, name, _ := strings.Cut(rest, "/")
	switch letter {
	case "b", "m":
		if sum := sha256.Sum256(value); !strings.HasPrefix(name, hex.EncodeToString(sum[:])) {
			k.violation(1, "%s writes %s, which does not hash to its key", by, key)
		}
		k.once(by, key, value, before)
	case "d", "h":
		k.once(by, key, value, before)
	case "r", "o":
	default:
		k.violation(9, "%s writes %s, which is no key of %s", by, key, site)
	}
	if _, kind := actor(by); kind == Rollback && letter != "h" {
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
	if of != site {
		k.violation(9, "%s changes %s", by, key)
	}
	if strings.HasPrefix(rest, "o/") != (kind == Writer) {
		k.violation(10, "%s changes %s", by, key)
	}
}

// Deleted implements [model.Observer].
func (k *Checker) Deleted(by string, n *model.Namespace, key string) {
	if _, kind := actor(by); kind == Other {
		k.damaged[key] = true
		return
	}
	k.may(by, key)
	id, rest := split(key)
	if strings.HasPrefix(rest, "o/") {
		return
	}
	s := k.cloud.Script(id)
	if s.Active() == nil {
		k.violation(4, "%s deletes %s, and nothing is live", by, key)
		return
	}
	kept := k.retained(s, k.looked[by])
	if at, ok := written(rest); !ok {
		k.violation(4, "%s deletes %s, whose age is not known", by, key)
	} else if age := time.Since(at); age < kept.grace {
		k.violation(4, "%s deletes %s, which is %s old", by, key, age)
	}
	for _, v := range kept.versions {
		if view := k.view(v); view != nil && view.keys[key] && view.namespace == n {
			k.violation(1, "%s deletes %s, which the retained version %s needs", by, key, v.ID)
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
		if v := s.Version(share.Version); v.Binding(bindingSays) != nil {
			k.whole(fmt.Sprintf("%s activates %s", by, v.ID), v)
		}
	}
	k.tabs(by, s, d)
}

// Looked says that somebody lists the deployments. Who deletes keys cannot know what another
// tool makes live after that.
func (k *Checker) Looked(by string) { k.looked[by] = time.Now() }

// bindingSays is the binding in which a version says what it is.
const bindingSays = "KV_SYNC"

// whole checks that all is there that a version needs.
func (k *Checker) whole(what string, v *model.Version) {
	view := k.view(v)
	if view == nil {
		return
	}
	for key := range view.keys {
		if _, ok := view.namespace.Get(key); !ok {
			k.violation(1, "%s, and %s is not there", what, key)
			return
		}
	}
}

// tabs checks that files of the version before, which open tabs may still ask for, stay
// reachable in one that is deployed over it.
func (k *Checker) tabs(by string, s *model.Script, d *model.Deployment) {
	_, kind := actor(by)
	before := s.Deployments[:len(s.Deployments)-1]
	if kind == Rollback || kind == Forget || len(d.Shares) != 1 || d.Message == "" {
		return
	}
	var base *model.Deployment
	for _, b := range before {
		if b.Shares[0].Version == d.Main() {
			return // it was made live before
		}
		if strings.Contains(d.Message, "kv-sync-over:"+b.ID+" ") {
			base = b
		}
	}
	if base == nil {
		return
	}
	next, old := k.view(s.Version(d.Main())), k.view(s.Version(base.Main()))
	if next == nil || old == nil {
		return
	}
	for _, a := range old.stored.assets {
		if _, ok := next.served.find(a.path); !ok {
			k.violation(12, "%s removes %s, and it is not reachable for open tabs", by, a.path)
		}
	}
}

// End checks what is left when nothing happens any more.
func (k *Checker) End() {
	for _, s := range k.cloud.Scripts() {
		if s.Active() == nil {
			continue
		}
		for _, v := range k.retained(s, time.Time{}).versions {
			if !k.isDamaged(v) {
				k.whole("at the end "+v.ID+" is retained", v)
			}
		}
	}
}

// isDamaged reports whether another tool has deleted something that a version needs.
func (k *Checker) isDamaged(v *model.Version) bool {
	if w := k.view(v); w != nil {
		for key := range w.keys {
			if k.damaged[key] {
				return true
			}
		}
	}
	return false
}
