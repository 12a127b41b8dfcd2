package durable

import (
	"maps"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// Host has the Durable Objects of the companions of an account. The zero value has none.
type Host struct{ objects map[string]hosted }

// hosted is a Durable Object of a companion, which it does not outlive.
type hosted struct {
	*Object

	made time.Time // when the companion was made
}

// Clone returns a host with the same objects. Later changes of one do not reach the other.
func (h Host) Clone() Host {
	out := Host{maps.Clone(h.objects)}
	for site, o := range out.objects {
		out.objects[site] = hosted{o.Clone(), o.made}
	}
	return out
}

// Object is the Durable Object of a site, or nil if it has no companion.
func (h *Host) Object(c *model.Cloud, site string) *Object {
	s := c.Script(site + "-overlay")
	if s == nil {
		return nil
	}
	made := s.Versions[0].Created
	if o := h.objects[site]; o.Object == nil || !o.made.Equal(made) {
		if h.objects == nil {
			h.objects = make(map[string]hosted)
		}
		h.objects[site] = hosted{New(site), made}
	}
	return h.objects[site].Object
}

// Alarms has each object do what is due. wrote is called after a write to KV.
func (h *Host) Alarms(c *model.Cloud, kind string, wrote func(by, key string)) {
	for _, site := range h.Sites() {
		o := h.Object(c, site)
		if o == nil {
			continue
		}
		for at := o.Next(); !at.IsZero() && !at.After(time.Now()); at = o.Next() {
			o.Alarm(at, func(key string, value []byte) {
				c.Namespaces()[0].Put(site+"/"+kind, key, value, 0)
				wrote(site+"/"+kind, key)
			})
		}
	}
}

// Next is when Alarms has something to do; it is zero if it never has.
func (h *Host) Next(c *model.Cloud) (at time.Time) {
	for _, site := range h.Sites() {
		if o := h.Object(c, site); o != nil {
			if next := o.Next(); at.IsZero() || !next.IsZero() && next.Before(at) {
				at = next
			}
		}
	}
	return at
}

// Sites are those that had a write, ascending.
func (h *Host) Sites() []string { return slices.Sorted(maps.Keys(h.objects)) }
