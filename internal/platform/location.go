package platform

import (
	"math"
	"sync"
	"time"
)

// location is one of Cloudflare's locations. It caches reads of KV, responses in the Cache
// API, and responses of Workers Caching. Tests can advance its clock, so that cached data
// expires without waiting.
type location struct {
	behaviour *behaviour
	responses *responseCache

	mu     sync.Mutex
	ahead  time.Duration // by which tests have advanced the clock
	reads  map[edgeKey]*cachedRead
	purges map[string]*purgeBucket // by account
}

type edgeKey struct {
	namespace *namespace
	key       string
}

// cachedRead is the cached result of a read. entry is nil if the key did not exist.
type cachedRead struct {
	entry *entry
	at    time.Time
	ttl   time.Duration
}

// maxReads limits the number of cached reads.
const maxReads = 1 << 18

func newLocation(b *behaviour) *location {
	return &location{behaviour: b, responses: newResponseCache(), reads: map[edgeKey]*cachedRead{},
		purges: map[string]*purgeBucket{}}
}

func (l *location) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behaviour.clock().Add(l.ahead)
}

// scaled multiplies d by minute/1m: a minute becomes the time that minute says.
func scaled(d, minute time.Duration) time.Duration {
	return time.Duration(min(d.Minutes()*float64(minute), math.MaxInt64/2)) // writeKeys years must not overflow
}

// scale returns the lifetime d of a cached response, scaled by Behaviour.EdgeTTL if that is set.
func (l *location) scale(d time.Duration) time.Duration {
	if minute := l.behaviour.get().EdgeTTL; minute > 0 {
		return scaled(d, minute)
	}
	return d
}

// get reads a key through the cache of reads. A result, also for a key that does not exist,
// stays cached for the cacheTtl (in seconds) of the read that stored it. A later read with a
// shorter cacheTtl shortens this time.
func (l *location) get(ns *namespace, key string, ttl int64) (found *entry, cached bool) {
	minute := l.behaviour.get().EdgeTTL
	if minute <= 0 {
		return ns.get(key), false
	}
	if ttl == 0 {
		ttl = defaultCacheTTL
	}
	lifetime := scaled(time.Duration(min(ttl, maxCacheTTL))*time.Second, minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.behaviour.clock().Add(l.ahead)
	at := edgeKey{ns, key}
	if s := l.reads[at]; s != nil {
		s.ttl = min(s.ttl, lifetime)
		if expired := s.entry != nil && s.entry.unexpired() == nil; !expired && now.Sub(s.at) < s.ttl {
			return s.entry, true
		}
	}
	if len(l.reads) >= maxReads {
		clear(l.reads)
	}
	found = ns.get(key)
	l.reads[at] = &cachedRead{entry: found, at: now, ttl: lifetime}
	return found, false
}

// AdvanceEdge advances the clock of the edge's caches by d. Expirations in KV use another clock.
func (s *Server) AdvanceEdge(d time.Duration) {
	s.edge.location.mu.Lock()
	defer s.edge.location.mu.Unlock()
	s.edge.location.ahead += d
}

// ClearEdge empties the edge's caches.
func (s *Server) ClearEdge() {
	s.edge.location.mu.Lock()
	clear(s.edge.location.reads)
	s.edge.location.mu.Unlock()
	s.edge.location.responses.clear()
}
