package kvsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// assetsAccount is a namespace in the layout kv-assets with the Worker that contains its index.
type assetsAccount struct {
	*faultyStore
	worker *codeWorker
	now    func() time.Time
}

// codeWorker is a Worker of which only the code is read.
type codeWorker struct {
	cloud.Workers
	code   []byte // nil: there is no Worker
	meta   []cloud.Binding
	active int // changes with each publication
	asked  func()
}

func (w *codeWorker) Activations(context.Context) ([]cloud.Activation, error) {
	if w.asked != nil {
		w.asked()
	}
	if w.code == nil {
		return nil, cloud.ErrNotFound
	}
	return []cloud.Activation{{ID: fmt.Sprint(w.active), Versions: []cloud.Share{{Version: "v", Percent: 100}}}}, nil
}

func (w *codeWorker) Version(context.Context, string) (cloud.Version, error) {
	return cloud.Version{ID: "v", Bindings: w.meta}, nil
}

func (w *codeWorker) Code(context.Context) ([]byte, error) { return w.code, nil }

func (a assetsAccount) FindNamespace(context.Context, string) (string, error)   { return "ns", nil }
func (a assetsAccount) CreateNamespace(context.Context, string) (string, error) { return "ns", nil }
func (a assetsAccount) Time() (time.Time, bool)                                 { return a.now(), true }
func (a assetsAccount) Store(string) cloud.Store                                { return a.faultyStore }
func (a assetsAccount) Workers(string) cloud.Workers                            { return a.worker }

// publish makes the index part of the active Worker, as include_bytes! does.
func (a assetsAccount) publish(index []byte) {
	a.worker.code = slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), index, []byte("more data"))
	a.worker.active++
}

// foreign are keys that kv-sync must not touch. Some have the form of its own keys.
var foreign = map[string]string{"config": "theirs", "a.0123456789.txt": "theirs", "img/logo.abc.png": "theirs",
	"dir/": "theirs"}

func newAssetsAccount() assetsAccount {
	store := &faultyStore{values: maps.Clone(foreign), fault: func() storeFault { return none }}
	return assetsAccount{store, &codeWorker{}, time.Now}
}

func (a assetsAccount) engine(t *testing.T) *kvsync.Engine {
	t.Helper()
	a.last = map[string]time.Time{}
	e, err := kvsync.New(site.Config{Site: "rusty", Account: a, Retain: 2, Grace: time.Hour, Now: a.now,
		Layout: "kv-assets"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (a assetsAccount) sync(t *testing.T, f files, opt kvassets.Options) *kvassets.Result {
	t.Helper()
	res, err := kvassets.Sync(t.Context(), a.engine(t).Client(), &memory{files: f, time: time.Unix(1_600_000_000, 0)}, opt)
	if err != nil {
		t.Fatal(err)
	}
	a.wantWhole(t, res.Index)
	return res
}

// wantWhole fails unless every file that the index names exists under its key.
func (a assetsAccount) wantWhole(t *testing.T, encoded []byte) {
	t.Helper()
	index, err := kvassets.DecodeIndex(encoded)
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range index {
		h := kvassets.NewHasher()
		value, there := a.values[e.Key]
		_, _ = h.Write([]byte(value))
		if key := kvassets.Key(e.Path, h.Sum()); !there || key != e.Key || e.Size != uint64(len(value)) {
			t.Errorf("%s: under %s is %q (%v)", e.Path, e.Key, value, there)
		}
	}
}

// wantForeign fails if a foreign key has changed.
func (a assetsAccount) wantForeign(t *testing.T) {
	t.Helper()
	for key, value := range foreign {
		if a.values[key] != value {
			t.Errorf("%s is %q", key, a.values[key])
		}
	}
}

// stored returns the keys of files, without records and foreign keys.
func (a assetsAccount) stored() (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(a.values)) {
		if _, theirs := foreign[key]; !theirs && !strings.HasPrefix(key, ".kv-sync/") {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestKVAssetsSync(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	first := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "x"}, kvassets.Options{})
	if first.Uploaded != 2 || first.Title != "__rusty-workers_sites_assets" || first.Obsolete != 0 {
		t.Errorf("%+v", first)
	}
	if !slices.Contains(r.stored(), "hello.ff6cec21dc.txt") {
		t.Errorf("there is %q", r.stored())
	}
	r.reads, r.writes = 0, 0
	same := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "x"}, kvassets.Options{Local: first.Index})
	if same.Uploaded != 0 || r.writes != 0 || r.reads != 2 || !bytes.Equal(same.Index, first.Index) {
		t.Errorf("no change: %+v, %d reads, %d writes", same, r.reads, r.writes)
	}
	next := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "y"}, kvassets.Options{})
	if next.Uploaded != 1 || next.Obsolete != 1 {
		t.Errorf("%+v", next)
	}
	r.wantWhole(t, first.Index) // the Worker that is live has what it had
	r.wantForeign(t)
}

// What is already in the namespace is trusted only if a record names it.
func TestKVAssetsBelievesRecordsAlone(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	r.values["hello.ff6cec21dc.txt"] = "damaged"
	if res := r.sync(t, files{"/hello.txt": "hello\n"}, kvassets.Options{}); res.Uploaded != 1 {
		t.Errorf("uploaded %d", res.Uploaded)
	}
}

// A new checkout has other times but the same index, whether the previous index is in KV or only in
// the local file.
func TestKVAssetsKeepsTimes(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{"record", "file"} {
		r := newAssetsAccount()
		f := files{"/a.txt": "a", "/b.txt": "b"}
		first := r.sync(t, f, kvassets.Options{})
		opt := kvassets.Options{}
		if kept == "file" {
			r = newAssetsAccount()
			opt.Local = first.Index
		}
		f["/b.txt"] = "B"
		src := &memory{files: f, time: time.Unix(1_700_000_000, 0)}
		res, err := kvassets.Sync(t.Context(), r.engine(t).Client(), src, opt)
		if err != nil {
			t.Fatal(err)
		}
		index, err := kvassets.DecodeIndex(res.Index)
		if err != nil {
			t.Fatal(err)
		}
		if index[0].Modified != 1_600_000_000 || index[1].Modified != 1_700_000_000 {
			t.Errorf("%s: %+v", kept, index)
		}
	}
}

func TestKVAssetsRefuses(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	r.sync(t, files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p"}, kvassets.Options{})
	for name, c := range map[string]struct {
		files files
		path  string
		says  string
	}{
		"collision": {files{"/n.txt": "2196995", "/o.txt": "o", "/p.txt": "p"}, "n.txt",
			"n.a796493622.txt, has other contents"},
		"too large": {files{"/n.txt": "1506075", "/o.txt": strings.Repeat("x", 25<<20+1), "/p.txt": "p"}, "o.txt",
			"at most 25"},
		"long path": {files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p", "/" + strings.Repeat("d/", 255): ""},
			strings.Repeat("d/", 255), "512"},
		"our own": {files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p", "/.kv-sync/rusty/x": ""}, ".kv-sync/rusty/x",
			"reserved by kv-sync"},
	} {
		before := maps.Clone(r.values)
		_, err := kvassets.Sync(t.Context(), r.engine(t).Client(), &memory{files: c.files, time: time.Unix(1, 0)},
			kvassets.Options{})
		var refused *manifest.RefusedError
		if !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Path != c.path ||
			!strings.Contains(refused.Problems[0].Reason, c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was written", name)
		}
	}
	for _, f := range []files{{}, {"/p.txt": "p"}} {
		_, err := kvassets.Sync(t.Context(), r.engine(t).Client(), &memory{files: f}, kvassets.Options{})
		var stopped *guard.Error
		if !errors.As(err, &stopped) || stopped.Guard != guard.Shrink {
			t.Errorf("%d files left: %v", len(f), err)
		}
	}
	if res := r.sync(t, files{}, kvassets.Options{AllowShrink: true}); !bytes.Equal(res.Index, make([]byte, 8)) {
		t.Errorf("an empty index is % x", res.Index)
	}
}

// Records of the same second, or of a clock that was set back, are still in order.
func TestKVAssetsOrder(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	for i := range 16 {
		f := files{"/a.txt": fmt.Sprint(i)}
		r.sync(t, f, kvassets.Options{})
		if res := r.sync(t, f, kvassets.Options{}); res.Uploaded != 0 {
			t.Fatalf("round %d: %+v", i, res)
		}
		now = now.Add(-time.Duration(i%2) * time.Minute)
	}
}

// FuzzKVAssets syncs and prunes random trees while requests fail and runs die at random. An index
// that a sync returned is complete as long as it is retained.
func FuzzKVAssets(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			r := newAssetsAccount()
			calm := false
			r.fault = func() storeFault {
				if calm || rnd.IntN(4) > 0 {
					return none
				}
				return storeFault(1 + rnd.IntN(int(deadAfter)))
			}
			var done [][]byte // what the last two syncs returned, and what is published
			var published []byte
			for round := range 12 {
				calm, r.dead = round == 11, false
				time.Sleep(time.Duration(rnd.IntN(90)) * time.Minute)
				if rnd.IntN(3) == 0 && len(done) > 0 {
					published = done[len(done)-1]
					r.publish(published)
				}
				if rnd.IntN(3) == 0 {
					_, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker,
						Force: rnd.IntN(2) == 0})
					var stopped *guard.Error
					if err != nil && calm && !errors.As(err, &stopped) {
						t.Fatal(err)
					}
				} else {
					tree := randomTree(rnd)
					res, err := kvassets.Sync(t.Context(), r.engine(t).Client(), &memory{files: tree, time: time.Now()},
						kvassets.Options{AllowShrink: true})
					if err == nil {
						done = append(done, res.Index)
					} else if calm {
						t.Fatal(err)
					}
				}
				for _, index := range done[max(0, len(done)-1):] {
					r.wantWhole(t, index)
				}
				if published != nil {
					r.wantWhole(t, published)
				}
				r.wantForeign(t)
				if t.Failed() {
					t.Fatalf("round %d", round)
				}
			}
		})
	})
}
