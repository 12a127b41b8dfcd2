package platform

import (
	"math"
	"sync"
	"time"
)

// location is one of Cloudflare's: it keeps what it read of KV, what Workers put
// into the Cache API, and what Workers Caching keeps of their answers. Its clock
// can be moved, so that these grow old without anybody waiting.
type location struct {
	behaviour *behaviour
	answers   *answers

	mu     sync.Mutex
	ahead  time.Duration // of the clock
	seen   map[edgeKey]*sighting
	purges map[string]*purgeBucket // by account
}

type edgeKey struct {
	namespace *namespace
	key       string
}

// sighting is what the location read of a key, perhaps that there is none, when,
// and how long it believes that.
type sighting struct {
	entry *entry
	at    time.Time
	ttl   time.Duration
}

// maxSightings bounds what is kept of KV; a location forgets too.
const maxSightings = 1 << 18

func newLocation(b *behaviour) *location {
	return &location{behaviour: b, answers: newAnswers(), seen: map[edgeKey]*sighting{}, purges: map[string]*purgeBucket{}}
}

func (l *location) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behaviour.clock().Add(l.ahead)
}

// scaled is how long d lasts where a minute lasts that long.
func scaled(d, minute time.Duration) time.Duration {
	return time.Duration(min(d.Minutes()*float64(minute), math.MaxInt64/2)) // many years must not overflow
}

// lasts is how long d lasts at the location, for what is kept of answers. They
// take their times as they are where Behaviour does not say how long a minute is.
func (l *location) lasts(d time.Duration) time.Duration {
	if minute := l.behaviour.get().EdgeTTL; minute > 0 {
		return scaled(d, minute)
	}
	return d
}

// look reads a key as the location does: what it has seen, an absent key too, it
// goes on seeing for the cacheTtl (in seconds) of the read that saw it, or of a
// later read if that is shorter.
func (l *location) look(ns *namespace, key string, ttl int64) (found *entry, cached bool) {
	minute := l.behaviour.get().EdgeTTL
	if minute <= 0 {
		return ns.get(key), false
	}
	if ttl == 0 {
		ttl = defaultCacheTTL
	}
	believed := scaled(time.Duration(min(ttl, maxCacheTTL))*time.Second, minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.behaviour.clock().Add(l.ahead)
	at := edgeKey{ns, key}
	if s := l.seen[at]; s != nil {
		s.ttl = min(s.ttl, believed)
		if expired := s.entry != nil && s.entry.alive() == nil; !expired && now.Sub(s.at) < s.ttl {
			return s.entry, true
		}
	}
	if len(l.seen) >= maxSightings {
		clear(l.seen)
	}
	found = ns.get(key)
	l.seen[at] = &sighting{entry: found, at: now, ttl: believed}
	return found, false
}

// AdvanceEdge moves the clock of the edge's caches: what they keep is older by d.
// Expirations in KV keep their own clock.
func (s *Server) AdvanceEdge(d time.Duration) {
	s.edge.location.mu.Lock()
	defer s.edge.location.mu.Unlock()
	s.edge.location.ahead += d
}

// ClearEdge empties the edge's caches.
func (s *Server) ClearEdge() {
	s.edge.location.mu.Lock()
	clear(s.edge.location.seen)
	s.edge.location.mu.Unlock()
	s.edge.location.answers.clear()
}
