package upload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// pattern is a file of n bytes that takes no memory.
func pattern(path string, n int64) manifest.File {
	return manifest.File{Asset: manifest.Asset{Path: path, Size: n}, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(&repeat{block: strings.Repeat(path, 1000)}, n)), nil
	}}
}

type repeat struct {
	block string
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

func items(sizes ...int64) (out []*Item) {
	n := manifest.NewNonce(time.Now())
	for i, s := range sizes {
		out = append(out, NewItem(manifest.Keys("blog"), pattern(fmt.Sprintf("/file-%d", i), s), n, nil))
	}
	return out
}

func TestPack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var sizes []int64
		for range rnd.IntN(3000) {
			sizes = append(sizes, int64(rnd.ExpFloat64()*float64(rnd.IntN(200_000))))
		}
		seen := 0
		for _, b := range pack(items(sizes...)) {
			var bytes int64
			for _, it := range b.items {
				bytes += it.Size
			}
			seen += len(b.items)
			if b.raw && (len(b.items) != 1 || bytes < rawMin) {
				t.Fatalf("a raw body of %d items, %d bytes", len(b.items), bytes)
			}
			if !b.raw && (len(b.items) > cloud.MaxBulkPairs || len(b.items) > 1 && bytes > BatchBytes) {
				t.Fatalf("a bulk write of %d pairs, %d bytes", len(b.items), bytes)
			}
		}
		if seen != len(sizes) {
			t.Fatalf("%d of %d items were packed", seen, len(sizes))
		}
	}
}

// The API allows 1,200 requests in five minutes, so many large files share bulk writes.
func TestPackStaysUnderTheRequestCap(t *testing.T) {
	sizes := make([]int64, 5000)
	for i := range sizes {
		sizes[i] = rawMin
	}
	if n := len(pack(items(sizes...))); n > requestCap+len(sizes)*rawMin/BatchBytes {
		t.Errorf("%d files of %d bytes take %d requests", len(sizes), rawMin, n)
	}
	sizes = sizes[:1000]
	if n := len(pack(items(sizes...))); n > requestCap {
		t.Errorf("%d files of %d bytes take %d requests", len(sizes), rawMin, n)
	}
	if n := len(pack(items(make([]int64, 25_000)...))); n != 3 {
		t.Errorf("25,000 empty files take %d requests, want 3", n)
	}
}

// gauge is a store that checks values and keeps nothing. max is the largest number of
// bytes that the uploader held at once. It is exact in a synctest.Test, where a request
// ends only when every other goroutine waits.
type gauge struct {
	cloud.Store
	t        *testing.T
	now, max atomic.Int64
	calls    atomic.Int64
	mu       sync.Mutex
	keys     map[string]int
	chunked  bool // some values are indexes, which hash to no key
}

func (g *gauge) hold(n int) func() {
	now := g.now.Add(int64(n))
	for {
		m := g.max.Load()
		if now <= m || g.max.CompareAndSwap(m, now) {
			break
		}
	}
	g.calls.Add(1)
	time.Sleep(time.Millisecond) // the bubble's clock advances when no other request can begin
	return func() { g.now.Add(int64(-n)) }
}

func (g *gauge) note(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys[key]++
}

func (g *gauge) Put(_ context.Context, key string, value []byte) error {
	defer g.hold(cap(value))()
	g.note(key)
	if want := manifest.HashOf(value).String(); !strings.Contains(key, want) {
		g.t.Errorf("%d bytes of hash %s were sent under %s", len(value), want, key)
	}
	return nil
}

func (g *gauge) PutBulk(_ context.Context, body []byte, _ int) ([]string, error) {
	defer g.hold(cap(body))()
	var pairs []struct {
		Key    string `json:"key"`
		Value  []byte `json:"value"`
		Base64 bool   `json:"base64"`
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&pairs); err != nil {
		g.t.Error(err)
	}
	for _, p := range pairs {
		g.note(p.Key)
		if want := manifest.HashOf(p.Value).String(); !p.Base64 || !strings.Contains(p.Key, want) && !g.chunked {
			g.t.Errorf("%d bytes of hash %s were sent under %s", len(p.Value), want, p.Key)
		}
	}
	return nil, nil
}

// The bodies of running requests take no more than Memory, for a site of any size. Each
// key is written once, and has the hash of its bytes.
func TestUploadIsBounded(t *testing.T) { synctest.Test(t, uploadIsBounded) }

func uploadIsBounded(t *testing.T) {
	var sizes []int64
	for i := range 1000 {
		sizes = append(sizes, int64(i%97)*1000)
	}
	for i := range 10 {
		sizes = append(sizes, int64(i)*900_000)
	}
	sizes = append(sizes, manifest.MaxValueBytes, manifest.MaxValueBytes, manifest.MaxValueBytes)
	const memory = 36 << 20
	g := &gauge{t: t, keys: make(map[string]int)}
	o := Options{Parallel: 8, Memory: memory, Budget: NewBudget()}
	all := items(sizes...)
	all = append(all, items(sizes[:10]...)...) // the same bytes once more
	if err := Run(t.Context(), g, all, o); err != nil {
		t.Fatal(err)
	}
	if m := g.max.Load(); m > memory+8*4096 || m < memory/3 {
		t.Errorf("running requests held %d bytes, want at most %d", m, memory)
	}
	for key, n := range g.keys {
		if n != 1 {
			t.Errorf("%s was written %d times", key, n)
		}
	}
	for _, it := range all {
		if g.keys[it.Key(it.Got)] != 1 {
			t.Errorf("%s was not written", it.Name)
		}
	}
}

// forgetful is a store that reports keys as not written, each time they are sent.
type forgetful struct {
	cloud.Store
	calls int
	names func(keys []string) []string
}

func (f *forgetful) PutBulk(_ context.Context, body []byte, _ int) ([]string, error) {
	f.calls++
	var pairs []struct{ Key string }
	if err := json.Unmarshal(body, &pairs); err != nil {
		return nil, err
	}
	var keys []string
	for _, p := range pairs {
		keys = append(keys, p.Key)
	}
	return f.names(keys), nil
}

// An upload fails if a key is never confirmed. It does not send it again for ever.
func TestUnconfirmedKeys(t *testing.T) {
	for name, tc := range map[string]struct {
		names func([]string) []string
		calls int
		want  string
	}{
		"for ever":       {func(k []string) []string { return k[:1] }, cloud.ResendRounds + 1, "did not carry it out, 6"},
		"never sent":     {func([]string) []string { return []string{"blog/b/other"} }, 1, "a key that was not sent"},
		"none, at first": {func([]string) []string { return nil }, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &forgetful{names: tc.names}
				o := Options{Parallel: 2, Memory: 36 << 20, Budget: NewBudget()}
				err := Run(t.Context(), f, items(10, 20, 30), o)
				if f.calls != tc.calls {
					t.Errorf("%d calls, want %d", f.calls, tc.calls)
				}
				if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				if err != nil && !errors.Is(err, cloud.ErrIgnored) {
					t.Errorf("%v does not wrap ErrIgnored", err)
				}
			})
		})
	}
}
