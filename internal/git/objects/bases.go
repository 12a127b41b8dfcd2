package objects

import (
	linked "container/list"
	"sync"
)

// resolved is an object that was built from deltas, or the base of a delta. Readers share it,
// so nobody may change it.
type resolved struct {
	kind string
	data []byte
}

// baseCache keeps the most recently used bases of deltas, up to limit bytes. It is safe for
// concurrent use.
type baseCache struct {
	limit int

	mu    sync.Mutex
	size  int
	order *linked.List // of *cachedBase, most recently used first
	at    map[place]*linked.Element
}

// place identifies an entry of a pack.
type place struct {
	pack   int
	offset int64
}

type cachedBase struct {
	place
	resolved
}

func newBaseCache(limit int) *baseCache {
	return &baseCache{limit: limit, order: linked.New(), at: map[place]*linked.Element{}}
}

func (c *baseCache) get(pack int, offset int64) (resolved, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[place{pack, offset}]
	if !ok {
		return resolved{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedBase).resolved, true
}

func (c *baseCache) put(pack int, offset int64, m resolved) {
	p := place{pack, offset}
	c.mu.Lock()
	defer c.mu.Unlock()
	// One large object must not push out all others.
	if c.at[p] != nil || len(m.data) > c.limit/4 {
		return
	}
	c.at[p] = c.order.PushFront(&cachedBase{p, m})
	for c.size += cap(m.data); c.size > c.limit; {
		last := c.order.Back()
		r := c.order.Remove(last).(*cachedBase)
		delete(c.at, r.place)
		c.size -= cap(r.data)
	}
}
