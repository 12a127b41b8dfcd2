package webhook

import "sync"

// KeptDeliveries is how many ids a [Recent] keeps.
const KeptDeliveries = 10_000

// Deliveries holds the ids of accepted deliveries. Its methods are safe for
// concurrent use.
type Deliveries interface {
	Seen(id string) bool
	// Remember is called after a push was accepted. An error is only logged: the
	// push counts, and a forgotten id costs one superfluous poll.
	Remember(id string) error
}

// Recent is [Deliveries] in memory: the newest [KeptDeliveries] ids.
type Recent struct {
	mu   sync.Mutex
	set  map[string]bool
	ring []string // once full, the oldest id is at next
	next int
}

var _ Deliveries = (*Recent)(nil)

// NewRecent returns an empty Recent.
func NewRecent() *Recent { return &Recent{set: make(map[string]bool)} }

// Seen reports whether id is among the newest.
func (r *Recent) Seen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set[id]
}

// Remember adds id and drops the oldest one if necessary. It never fails.
func (r *Recent) Remember(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set[id] {
		return nil
	}
	r.set[id] = true
	if len(r.ring) < KeptDeliveries {
		r.ring = append(r.ring, id)
		return nil
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % KeptDeliveries
	return nil
}
