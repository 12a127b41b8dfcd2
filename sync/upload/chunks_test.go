package upload

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Chunks count against Memory, each is written once, and other files are uploaded at
// the same time.
func TestChunksAreBounded(t *testing.T) { synctest.Test(t, chunksAreBounded) }

func chunksAreBounded(t *testing.T) {
	const memory = 52 << 20
	g := &gauge{t: t, keys: make(map[string]int), chunked: true}
	o := Options{Parallel: 8, Memory: memory, Budget: NewBudget()}
	all := items(5, 600_000, manifest.MaxValueBytes+1, 7*manifest.ChunkBytes, manifest.MaxValueBytes)
	if err := Run(t.Context(), g, all, o); err != nil {
		t.Fatal(err)
	}
	if m := g.max.Load(); m > memory+8*4096 || m < memory/2 {
		t.Errorf("running requests held %d bytes, want at most %d", m, memory)
	}
	for key, n := range g.keys {
		if n != 1 {
			t.Errorf("%s was written %d times", key, n)
		}
	}
	written := 0
	for _, it := range all {
		written += it.Blobs
		if g.keys[it.Key(it.Got)] != 1 {
			t.Errorf("%s was not written", it.Name)
		}
	}
	if written != len(g.keys) {
		t.Errorf("%d blobs were counted, and %d written", written, len(g.keys))
	}
}

// slow is a store whose raw writes take some of the bubble's time, or fail.
type slow struct {
	*gauge
	fail    error
	underAt atomic.Int64 // raw writes that were running when an index was written
	under   atomic.Int64 // raw writes that are running
	indexes atomic.Int64
}

func (s *slow) Put(_ context.Context, _ string, value []byte) error {
	s.under.Add(1)
	defer s.under.Add(-1)
	time.Sleep(20 * time.Millisecond)
	return s.fail
}

func (s *slow) PutBulk(_ context.Context, _ []byte, _ int) ([]string, error) {
	s.indexes.Add(1)
	s.underAt.Add(s.under.Load())
	return nil, nil
}

// An index is written after its chunks.
func TestIndexesComeLast(t *testing.T) { synctest.Test(t, indexesComeLast) }

func indexesComeLast(t *testing.T) {
	for _, fail := range []error{nil, errors.New("the last chunk was refused")} {
		s := &slow{fail: fail}
		o := Options{Parallel: 8, Memory: 64 << 20, Budget: NewBudget()}
		err := Run(t.Context(), s, items(manifest.MaxValueBytes+1, manifest.MaxValueBytes+1), o)
		if !errors.Is(err, fail) || (fail == nil) != (err == nil) {
			t.Errorf("got %v", err)
		}
		if n := s.indexes.Load(); (n > 0) != (fail == nil) || s.underAt.Load() != 0 {
			t.Errorf("%d writes of indexes, while %d writes of chunks were running", n, s.underAt.Load())
		}
		if fail != nil && !strings.Contains(err.Error(), "/file-") {
			t.Errorf("the error does not name the file: %v", err)
		}
	}
}

// Requests for chunks count against requestCap, too.
func TestPackBesideChunks(t *testing.T) {
	sizes := make([]int64, 500)
	for i := range sizes {
		sizes[i] = rawMin
	}
	if n := len(pack(items(append(sizes, 200*manifest.ChunkBytes, 250*manifest.ChunkBytes)...))) + 450; n > requestCap {
		t.Errorf("%d files beside 450 chunks take %d requests", len(sizes), n)
	}
}

// stepping is a file of four chunks. The first is being sent before the others are read.
type stepping struct {
	io.Reader
	read    int64
	sending <-chan struct{}
	end     chan<- struct{}
}

func (s *stepping) Read(p []byte) (int, error) {
	if s.read >= manifest.ChunkBytes {
		<-s.sending
	}
	n, err := s.Reader.Read(p)
	if s.read += int64(n); errors.Is(err, io.EOF) {
		close(s.end)
	}
	return n, err
}

func (s *stepping) Close() error { return nil }

// patient is a store that reads a value only after the whole file has been read.
type patient struct {
	*gauge
	sending func()
	end     <-chan struct{}
}

func (p *patient) Put(ctx context.Context, key string, value []byte) error {
	p.sending()
	<-p.end
	return p.gauge.Put(ctx, key, value)
}

// The buffer of a chunk is not reused before the chunk is confirmed.
func TestChunkIsKeptUntilTheAnswer(t *testing.T) {
	sending, end := make(chan struct{}), make(chan struct{})
	it := items(4 * manifest.ChunkBytes)[0]
	whole := it.Open
	it.Open = func() (io.ReadCloser, error) {
		f, err := whole()
		return &stepping{Reader: f, sending: sending, end: end}, err
	}
	g := &gauge{t: t, keys: make(map[string]int), chunked: true}
	o := Options{Parallel: 8, Memory: 5 * manifest.ChunkBytes, Budget: NewBudget()}
	store := &patient{g, sync.OnceFunc(func() { close(sending) }), end}
	if err := Run(t.Context(), store, []*Item{it}, o); err != nil || len(g.keys) != 5 {
		t.Errorf("%d keys, %v", len(g.keys), err)
	}
}
