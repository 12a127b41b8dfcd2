package edge

import (
	"math"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/kv"
)

// Location is one of Cloudflare's locations. It caches reads of KV, responses in the Cache
// API, and responses of Workers Caching. Tests can advance its clock, so that cached data
// expires without waiting.
type Location struct {
	options   Options
	responses *responseCache

	mu     sync.Mutex
	ahead  time.Duration // by which tests have advanced the clock
	reads  map[edgeKey]*cachedRead
	purges map[string]*purgeBucket // by account
}

// Options are the clocks of a location.
type Options struct {
	// Now is the clock of the caches, which Advance advances.
	Now func() time.Time
	// Minute returns the time that replaces one minute in the lifetimes of the caches. If it is
	// 0, KV reads are not cached, and other lifetimes are as they are.
	Minute func() time.Duration
}

type edgeKey struct {
	namespace *kv.Namespace
	key       string
}

// cachedRead is the cached result of a read. entry is nil if the key did not exist.
type cachedRead struct {
	entry *kv.Entry
	at    time.Time
	ttl   time.Duration
}

// Default and limit of a read's cacheTtl, in seconds.
const (
	defaultCacheTTL = 60
	maxCacheTTL     = 100 * 365 * 24 * 3600 // longer values are the same as forever
)

// maxReads limits the number of cached reads.
const maxReads = 1 << 18

// NewLocation returns a location with empty caches.
func NewLocation(options Options) *Location {
	return &Location{options: options, responses: newResponseCache(), reads: map[edgeKey]*cachedRead{},
		purges: map[string]*purgeBucket{}}
}

func (l *Location) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Now().Add(l.ahead)
}

// scaled multiplies d by minute/1m. So one minute of d becomes minute.
func scaled(d, minute time.Duration) time.Duration {
	return time.Duration(min(d.Minutes()*float64(minute), math.MaxInt64/2)) // a lifetime of years must not overflow
}

// scale returns the lifetime d of a cached response, scaled by Minute if that is set.
func (l *Location) scale(d time.Duration) time.Duration {
	if minute := l.options.Minute(); minute > 0 {
		return scaled(d, minute)
	}
	return d
}

// Get reads a key through the cache of reads. A result, also for a key that does not exist,
// stays cached for the cacheTtl (in seconds) of the read that stored it. A later read with a
// shorter cacheTtl shortens this time.
func (l *Location) Get(ns *kv.Namespace, key string, ttl int64) (found *kv.Entry, cached bool) {
	minute := l.options.Minute()
	if minute <= 0 {
		return ns.Get(key), false
	}
	if ttl == 0 {
		ttl = defaultCacheTTL
	}
	lifetime := scaled(time.Duration(min(ttl, maxCacheTTL))*time.Second, minute)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now().Add(l.ahead)
	at := edgeKey{ns, key}
	if s := l.reads[at]; s != nil {
		s.ttl = min(s.ttl, lifetime)
		if expired := s.entry != nil && s.entry.Unexpired() == nil; !expired && now.Sub(s.at) < s.ttl {
			return s.entry, true
		}
	}
	if len(l.reads) >= maxReads {
		clear(l.reads)
	}
	found = ns.Get(key)
	l.reads[at] = &cachedRead{entry: found, at: now, ttl: lifetime}
	return found, false
}

// Advance advances the clock of the caches by d. Expirations in KV use another clock.
func (l *Location) Advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead += d
}

// Clear empties the caches.
func (l *Location) Clear() {
	l.mu.Lock()
	clear(l.reads)
	l.mu.Unlock()
	l.responses.clear()
}
