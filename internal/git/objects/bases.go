package objects

import (
	linked "container/list"
	"sync"
)

// made is an object that deltas made, or are based on. It is only read.
type made struct {
	kind string
	data []byte
}

// baseCache remembers the bases of deltas, those used last, up to a number of
// bytes. It is safe for concurrent use.
type baseCache struct {
	limit int

	mu    sync.Mutex
	size  int
	order *linked.List // of *remembered, the one used last in front
	at    map[place]*linked.Element
}

type place struct {
	pack   int
	offset int64
}

type remembered struct {
	place
	made
}

func newBaseCache(limit int) *baseCache {
	return &baseCache{limit: limit, order: linked.New(), at: map[place]*linked.Element{}}
}

func (c *baseCache) get(pack int, offset int64) (made, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[place{pack, offset}]
	if !ok {
		return made{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*remembered).made, true
}

func (c *baseCache) put(pack int, offset int64, m made) {
	p := place{pack, offset}
	c.mu.Lock()
	defer c.mu.Unlock()
	// One large object does not push out all others.
	if c.at[p] != nil || len(m.data) > c.limit/4 {
		return
	}
	c.at[p] = c.order.PushFront(&remembered{p, m})
	for c.size += cap(m.data); c.size > c.limit; {
		last := c.order.Back()
		r := c.order.Remove(last).(*remembered)
		delete(c.at, r.place)
		c.size -= cap(r.data)
	}
}
