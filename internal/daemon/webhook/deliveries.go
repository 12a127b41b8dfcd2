package webhook

import "sync"

// KeptDeliveries is how many ids a [Recent] remembers.
const KeptDeliveries = 10_000

// Deliveries are the ids of deliveries that were accepted. Its methods are safe
// for concurrent use.
type Deliveries interface {
	Seen(id string) bool
	// Remember is called when a push was accepted. An error is logged and no more:
	// the push counts, and the price of a forgotten id is one look too many.
	Remember(id string) error
}

// Recent is [Deliveries] in memory: the newest [KeptDeliveries].
type Recent struct {
	mu   sync.Mutex
	set  map[string]bool
	ring []string // oldest at next, once it is full
	next int
}

var _ Deliveries = (*Recent)(nil)

// NewRecent remembers nothing yet.
func NewRecent() *Recent { return &Recent{set: make(map[string]bool)} }

// Seen says whether id is among the newest.
func (r *Recent) Seen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set[id]
}

// Remember adds id and forgets the oldest one if need be. It never fails.
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
