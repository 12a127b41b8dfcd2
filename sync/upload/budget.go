package upload

import (
	"context"
	"sync"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Budget counts the bytes that uploads hold. Engines that share one hold no
// more together than each one's [Config].Memory allows.
//
// It keeps the bodies of requests that are over for others to use again, as far
// as there is room for them beside what is under way.
type Budget struct {
	turn  chan struct{} // whose it is to take next: who asks for much is not overtaken
	freed chan struct{} // something was given back

	mu   sync.Mutex
	held int64            // what was taken and not given back
	idle int64            // what is kept to be used again
	kept map[int][][]byte // by capacity, those that are likely to be asked for again
}

// NewBudget returns a budget of which nothing is taken.
func NewBudget() *Budget {
	return &Budget{
		turn: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		kept: map[int][][]byte{bulkBody: nil, manifest.ChunkBytes: nil},
	}
}

// take takes n bytes, at most limit, as soon as no more than limit are held with
// them. Whoever takes some gives them back without taking more before.
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

// give gives back what was taken. Where nothing is under way, nothing is kept.
func (b *Budget) give(n int64) {
	b.mu.Lock()
	if b.held -= n; b.held == 0 {
		b.evict(0)
	}
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default: // who waits is told already
	}
}

// buffer is empty and has room for size bytes, of those that were taken. What is
// kept of other sizes makes way for it.
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

// recycle takes back the buffer of a request that is over for sure.
func (b *Budget) recycle(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if kept, again := b.kept[cap(buf)]; again {
		b.kept[cap(buf)] = append(kept, buf[:0])
		b.idle += int64(cap(buf))
	}
}

// evict lets go of what is kept until it takes no more than room.
func (b *Budget) evict(room int64) {
	for size, kept := range b.kept {
		for len(kept) > 0 && b.idle > room {
			last := len(kept) - 1
			kept[last] = nil
			kept, b.idle = kept[:last], b.idle-int64(size)
		}
		b.kept[size] = kept
	}
}
