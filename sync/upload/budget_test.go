package upload

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Together, uploads that share a budget hold no more than one of them may.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, budgetIsShared)
}

func budgetIsShared(t *testing.T) {
	const memory, engines = 36 << 20, 4
	g := &gauge{t: t, keys: make(map[string]int), chunked: true}
	budget := NewBudget()
	var all errgroup.Group
	for range engines {
		o := Options{Parallel: 8, Memory: memory, Budget: budget}
		all.Go(func() error {
			return Run(t.Context(), g, items(1000, 3_000_000, 9_000_000, 9_000_000), o)
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if m := g.max.Load(); m > memory+engines*8*4096 || m < memory/3 {
		t.Errorf("running requests held %d bytes, want at most %d", m, memory)
	}
	if budget.held != 0 || budget.idle != 0 {
		t.Errorf("in the end %d bytes are held and %d kept", budget.held, budget.idle)
	}
}

// Bodies that are kept for reuse are dropped for requests of another size.
func TestBudgetDropsKeptBodies(t *testing.T) {
	t.Parallel()
	const limit = 4 * manifest.ChunkBytes
	b := NewBudget()
	body := func(size int64) []byte {
		if err := b.take(t.Context(), size, limit); err != nil {
			t.Fatal(err)
		}
		return b.buffer(size, limit)
	}
	var chunks [][]byte
	for range 4 {
		chunks = append(chunks, body(manifest.ChunkBytes))
	}
	for _, c := range chunks[1:] {
		b.recycle(c)
		b.give(manifest.ChunkBytes)
	}
	if b.idle != 3*manifest.ChunkBytes {
		t.Fatalf("%d bytes are kept", b.idle)
	}
	bulk := body(bulkBody)
	if b.held != manifest.ChunkBytes+bulkBody || b.held+b.idle > limit || b.idle < manifest.ChunkBytes {
		t.Errorf("%d bytes are held and %d kept, of %d", b.held, b.idle, limit)
	}
	b.recycle(bulk)
	b.give(bulkBody)
	if again := body(bulkBody); &again[:1][0] != &bulk[:1][0] {
		t.Error("a body was not reused")
	}
	b.give(bulkBody)
	b.give(manifest.ChunkBytes)
	if b.held != 0 || b.idle != 0 {
		t.Errorf("in the end %d bytes are held and %d kept", b.held, b.idle)
	}
}

// addresses is a store that counts the distinct buffers that it gets.
type addresses struct {
	cloud.Store
	mu    sync.Mutex
	calls int
	seen  map[*byte]bool
}

func (a *addresses) PutBulk(_ context.Context, body []byte, _ int) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.seen[&body[0]] = true
	return nil, nil
}

// Bodies are reused if there is no memory for more.
func TestBodiesAreReused(t *testing.T) {
	t.Parallel()
	const memory = 36 << 20
	var sizes []int64
	for range 20 * BatchBytes / 400_000 {
		sizes = append(sizes, 400_000)
	}
	a := &addresses{seen: make(map[*byte]bool)}
	o := Options{Parallel: 8, Memory: memory, Budget: NewBudget()}
	// Without it, the budget drops all bodies whenever no request is under way.
	if err := o.Budget.take(t.Context(), 1, memory); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), a, items(sizes...), o); err != nil {
		t.Fatal(err)
	}
	if a.calls < 20 || len(a.seen) > memory/bulkBody {
		t.Errorf("%d requests had %d bodies, want at most %d", a.calls, len(a.seen), memory/bulkBody)
	}
}

// A large request is not overtaken by small ones, and no request waits after its
// context has ended.
func TestBudgetIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		if err := b.take(t.Context(), 6, 10); err != nil {
			t.Fatal(err)
		}
		var order []string
		var waiting sync.WaitGroup
		wait := func(name string, n int64) {
			waiting.Go(func() {
				if err := b.take(t.Context(), n, 10); err != nil {
					t.Error(err)
				}
				order = append(order, name)
				b.give(n)
			})
			synctest.Wait()
		}
		wait("much", 10)
		wait("little", 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.take(ctx, 1, 10); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled run took bytes: %v", err)
		}
		b.give(6)
		waiting.Wait()
		if len(order) != 2 || order[0] != "much" || b.held != 0 {
			t.Errorf("the order is %v, %d are held", order, b.held)
		}
	})
}
