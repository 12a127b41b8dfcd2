// Package pointers reads the pointers of many projects, which say what is live, with few requests.
package pointers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// fresh is the maximum age of a pointer that was read in advance. A deploy reads it again
// before it switches.
const fresh = 5 * time.Second

// Pointers are the pointers of the projects that a run opens, a few at a time. The first read of a
// pointer also reads the next ones in the order of the run, with one request. Its methods are safe
// for concurrent use.
type Pointers struct {
	mu   sync.Mutex
	keys []string       // of the projects, in the order of the run
	at   map[string]int // where each key is
	off  bool           // the API refused a bulk read, for example because of too many bytes
	// read has the pointers that were read in advance. asked has every key that was read by a
	// caller.
	read  map[place]pointer
	asked map[place]bool
}

// place is a key of a namespace of an account.
type place struct{ namespace, key string }

// pointer is a value and the time when it was read. The value is nil if the key does not exist.
type pointer struct {
	value []byte
	when  time.Time
}

// New returns the pointers of the projects that a run opens, in this order.
func New(ids []string) *Pointers {
	p := &Pointers{at: map[string]int{}, read: map[place]pointer{}, asked: map[place]bool{}}
	for i, id := range ids {
		key := manifest.Keys("project/" + id).Current()
		p.keys, p.at[key] = append(p.keys, key), i
	}
	return p
}

// In returns a namespace that reads pointers in advance. name identifies the namespace among all
// accounts. answered is called after each bulk read.
func (p *Pointers) In(s cloud.Store, name string, answered func()) cloud.Store {
	bulk, ok := s.(cloud.BulkReader)
	if p == nil || !ok {
		return s
	}
	return store{s, bulk, p, name, answered}
}

type store struct {
	cloud.Store
	bulk     cloud.BulkReader
	pointers *Pointers
	name     string
	answered func()
}

// Get implements [cloud.Store].
func (s store) Get(ctx context.Context, key string) ([]byte, error) {
	value, known, err := s.pointers.first(ctx, s, key)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return s.Store.Get(ctx, key)
	case value == nil:
		return nil, fmt.Errorf("KV key %q: %w", key, cloud.ErrNotFound)
	}
	return value, nil
}

// first returns the value for the first read of a pointer. known is false for any other read.
func (p *Pointers) first(ctx context.Context, s store, key string) (value []byte, known bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, is := p.at[key]
	this := place{s.name, key}
	if !is || p.asked[this] {
		return nil, false, nil
	}
	p.asked[this] = true
	got, read := p.read[this]
	if !read || time.Since(got.when) > fresh {
		if err := p.readAlong(ctx, s, at); err != nil {
			return nil, false, err
		}
		got, read = p.read[this]
	}
	delete(p.read, this)
	return got.value, read, nil
}

// readAlong reads the pointer at an index of the order, and its neighbours that no caller has read
// yet. The neighbours on both sides are read, because projects are not opened exactly in order.
func (p *Pointers) readAlong(ctx context.Context, s store, at int) error {
	maps.DeleteFunc(p.read, func(_ place, got pointer) bool { return time.Since(got.when) > fresh })
	begin := at - at%cloud.MaxBulkReads
	some := []string{p.keys[at]}
	for _, key := range p.keys[begin:min(begin+cloud.MaxBulkReads, len(p.keys))] {
		if !p.asked[place{s.name, key}] {
			some = append(some, key)
		}
	}
	if p.off || len(some) == 1 {
		return nil
	}
	when := time.Now()
	values, err := s.bulk.GetBulk(ctx, some)
	if errors.Is(err, cloud.ErrRefused) {
		p.off = true
		return nil
	}
	if err != nil {
		return err
	}
	s.answered()
	for _, key := range some {
		p.read[place{s.name, key}] = pointer{values[key], when}
	}
	return nil
}
