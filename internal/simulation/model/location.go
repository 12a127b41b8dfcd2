package model

import (
	"fmt"
	"hash/fnv"
	"maps"
	"time"
)

const (
	// SeenWithin is how long a write, and an activation, may take to be seen in a location.
	SeenWithin = time.Minute
	// CachedFor is how long a location keeps what it has read of a key, also that there is
	// nothing.
	CachedFor = time.Minute
)

// Location is one of Cloudflare's locations, from which visitors read.
type Location struct {
	Name string
	// Seed decides how late each write is seen here.
	Seed uint64

	cache map[string]cached
}

type cached struct {
	value []byte
	there bool
	until time.Time
}

// late is how long something takes to be seen here.
func (l *Location) late(what string) time.Duration {
	h := fnv.New64a()
	fmt.Fprint(h, l.Name, l.Seed, what)
	return time.Duration(h.Sum64() % uint64(SeenWithin))
}

// Clone returns a location that has cached the same. Later reads in one do not reach the other.
func (l *Location) Clone() *Location {
	return &Location{Name: l.Name, Seed: l.Seed, cache: maps.Clone(l.cache)}
}

// Get reads a key as a Worker does here.
func (l *Location) Get(n *Namespace, key string) ([]byte, bool) {
	now := time.Now()
	if c, ok := l.cache[n.ID+key]; ok && now.Before(c.until) {
		return c.value, c.there
	}
	w, seen := last(n.keys[key], func(w Write) bool { return !w.At.Add(l.late(key + w.At.String())).After(now) })
	there := seen && !w.Gone && (w.Until.IsZero() || now.Before(w.Until))
	if l.cache == nil {
		l.cache = make(map[string]cached)
	}
	l.cache[n.ID+key] = cached{w.Value, there, now.Add(CachedFor)}
	return w.Value, there
}

// Active is the deployment that answers here, or nil. Of one with two versions a visitor gets
// the one that their number selects.
func (l *Location) Active(s *Script) *Deployment {
	now := time.Now()
	for i := len(s.Deployments) - 1; i >= 0; i-- {
		d := s.Deployments[i]
		if i == 0 || !d.Created.Add(l.late(d.ID)).After(now) {
			return d
		}
	}
	return nil
}
