package upload

import (
	"context"
	"sync"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Budget counts the bytes that uploads hold in memory. Together, uploads that share a
// budget hold no more than the [Options].Memory of each allows.
//
// It keeps the bodies of finished requests for reuse, as long as there is memory for them
// beside the running requests.
type Budget struct {
	turn  chan struct{} // held by the goroutine that is next to take, so that nobody overtakes it
	freed chan struct{} // signals that bytes were given back

	mu   sync.Mutex
	held int64            // bytes that were taken and not given back
	idle int64            // bytes that are kept for reuse
	kept map[int][][]byte // by capacity, for the capacities that are used often
}

// NewBudget returns an unused budget.
func NewBudget() *Budget {
	return &Budget{
		turn: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		kept: map[int][][]byte{bulkBody: nil, manifest.ChunkBytes: nil},
	}
}

// take waits until n more bytes do not exceed limit, and takes them. The caller must give
// them back before it takes more. Otherwise two callers could wait for each other.
func (b *Budget) take(ctx context.Context, n, limit int64) error {
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for !b.tryTake(n, limit) {
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (b *Budget) tryTake(n, limit int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held+n > limit {
		return false
	}
	b.held += n
	return true
}

// give gives n bytes back. Once no bytes are taken, it drops all kept bodies.
func (b *Budget) give(n int64) {
	b.mu.Lock()
	if b.held -= n; b.held == 0 {
		b.evict(0)
	}
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default: // a signal is pending already
	}
}

// buffer returns an empty buffer with a capacity of size bytes, which the caller has
// taken. Bodies of other sizes are dropped if memory is short.
func (b *Budget) buffer(size, limit int64) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if kept := b.kept[int(size)]; len(kept) > 0 {
		last := len(kept) - 1
		b.kept[int(size)], b.idle = kept[:last], b.idle-size
		return kept[last]
	}
	b.evict(limit - b.held)
	return make([]byte, 0, size)
}

// recycle keeps the buffer of a request for reuse. The request must have ended.
func (b *Budget) recycle(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if kept, again := b.kept[cap(buf)]; again {
		b.kept[cap(buf)] = append(kept, buf[:0])
		b.idle += int64(cap(buf))
	}
}

// evict drops kept bodies until they have at most limit bytes.
func (b *Budget) evict(limit int64) {
	for size, kept := range b.kept {
		for len(kept) > 0 && b.idle > limit {
			last := len(kept) - 1
			kept[last] = nil
			kept, b.idle = kept[:last], b.idle-int64(size)
		}
		b.kept[size] = kept
	}
}
