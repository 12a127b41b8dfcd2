package kvsync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// rack is a namespace in the layout kv-assets, and the Worker that its index is
// compiled into.
type rack struct {
	*shelf
	worker *rackWorker
	now    func() time.Time
}

// rackWorker is a Worker of which nothing but its code is looked at.
type rackWorker struct {
	kvsync.Workers
	code   []byte // nil: there is no Worker
	meta   []kvsync.Binding
	active int // changes with each publication
	asked  func()
}

func (w *rackWorker) Activations(context.Context) ([]kvsync.Activation, error) {
	if w.asked != nil {
		w.asked()
	}
	if w.code == nil {
		return nil, kvsync.ErrNotFound
	}
	return []kvsync.Activation{{ID: fmt.Sprint(w.active), Versions: []kvsync.Share{{Version: "v", Percent: 100}}}}, nil
}

func (w *rackWorker) Version(context.Context, string) (kvsync.Version, error) {
	return kvsync.Version{ID: "v", Bindings: w.meta}, nil
}

func (w *rackWorker) Code(context.Context) ([]byte, error) { return w.code, nil }

func (r rack) FindNamespace(context.Context, string) (string, error)   { return "ns", nil }
func (r rack) CreateNamespace(context.Context, string) (string, error) { return "ns", nil }
func (r rack) Store(string) kvsync.Store                               { return r.shelf }
func (r rack) Workers(string) kvsync.Workers                           { return r.worker }

// publish makes the index part of the active Worker, as include_bytes! does.
func (r rack) publish(index []byte) {
	r.worker.code = slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), index, []byte("more data"))
	r.worker.active++
}

// foreign are keys beside ours that nothing may touch, some in the very shape of ours.
var foreign = map[string]string{"config": "theirs", "a.0123456789.txt": "theirs", "img/logo.abc.png": "theirs", "dir/": "theirs"}

func newRack() rack {
	return rack{&shelf{values: maps.Clone(foreign), befall: func() accident { return none }}, &rackWorker{}, time.Now}
}

func (r rack) engine(t *testing.T) *kvsync.Engine {
	t.Helper()
	r.last = map[string]time.Time{}
	e, err := kvsync.New(kvsync.Config{Site: "rusty", Account: r, Retain: 2, Grace: time.Hour, Now: r.now, NamespaceTitle: kvsync.KVAssetsNamespace("rusty")})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (r rack) sync(t *testing.T, f files, opt kvsync.KVAssetsOptions) *kvsync.KVAssetsResult {
	t.Helper()
	res, err := r.engine(t).SyncKVAssets(t.Context(), &memory{files: f, time: time.Unix(1_600_000_000, 0)}, opt)
	if err != nil {
		t.Fatal(err)
	}
	r.wantWhole(t, res.Index)
	return res
}

// wantWhole fails unless every file that the index names is there under its key.
func (r rack) wantWhole(t *testing.T, encoded []byte) {
	t.Helper()
	index, err := kvsync.DecodeIndex(encoded)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range index {
		h := kvsync.NewKVAssetsHasher()
		value, there := r.values[e.Key]
		_, _ = h.Write([]byte(value))
		if key := kvsync.KVAssetsKey(e.Path, h.Sum()); !there || key != e.Key || e.Size != uint64(len(value)) {
			t.Errorf("%s: under %s lies %q (%v)", e.Path, e.Key, value, there)
		}
	}
}

// wantForeign fails if anything of somebody else's is not as it was.
func (r rack) wantForeign(t *testing.T) {
	t.Helper()
	for key, value := range foreign {
		if r.values[key] != value {
			t.Errorf("%s is %q", key, r.values[key])
		}
	}
}

// stored are the keys of files, without records and foreign ones.
func (r rack) stored() (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(r.values)) {
		if _, theirs := foreign[key]; !theirs && !strings.HasPrefix(key, ".kv-sync/") {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestKVAssetsSync(t *testing.T) {
	t.Parallel()
	r := newRack()
	first := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "x"}, kvsync.KVAssetsOptions{})
	if first.Uploaded != 2 || first.Title != "__rusty-workers_sites_assets" || first.Obsolete != 0 {
		t.Errorf("%+v", first)
	}
	if !slices.Contains(r.stored(), "hello.ff6cec21dc.txt") {
		t.Errorf("there is %q", r.stored())
	}
	r.reads, r.writes = 0, 0
	same := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "x"}, kvsync.KVAssetsOptions{Local: first.Index})
	if same.Uploaded != 0 || r.writes != 0 || r.reads != 2 || !bytes.Equal(same.Index, first.Index) {
		t.Errorf("no change: %+v, %d reads, %d writes", same, r.reads, r.writes)
	}
	next := r.sync(t, files{"/hello.txt": "hello\n", "/docs/a.tar.gz": "y"}, kvsync.KVAssetsOptions{})
	if next.Uploaded != 1 || next.Obsolete != 1 {
		t.Errorf("%+v", next)
	}
	r.wantWhole(t, first.Index) // the Worker that is live has what it had
	r.wantForeign(t)
}

// What lies in the namespace already is not believed: only a record is.
func TestKVAssetsBelievesRecordsAlone(t *testing.T) {
	t.Parallel()
	r := newRack()
	r.values["hello.ff6cec21dc.txt"] = "damaged"
	if res := r.sync(t, files{"/hello.txt": "hello\n"}, kvsync.KVAssetsOptions{}); res.Uploaded != 1 {
		t.Errorf("uploaded %d", res.Uploaded)
	}
}

// A fresh checkout has other times and the same index, be its previous one in KV
// or in the local file alone.
func TestKVAssetsKeepsTimes(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{"record", "file"} {
		r := newRack()
		f := files{"/a.txt": "a", "/b.txt": "b"}
		first := r.sync(t, f, kvsync.KVAssetsOptions{})
		opt := kvsync.KVAssetsOptions{}
		if kept == "file" {
			r = newRack()
			opt.Local = first.Index
		}
		f["/b.txt"] = "B"
		res, err := r.engine(t).SyncKVAssets(t.Context(), &memory{files: f, time: time.Unix(1_700_000_000, 0)}, opt)
		if err != nil {
			t.Fatal(err)
		}
		index, err := kvsync.DecodeIndex(res.Index)
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
	r := newRack()
	r.sync(t, files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p"}, kvsync.KVAssetsOptions{})
	for name, c := range map[string]struct {
		files files
		path  string
		says  string
	}{
		"collision": {files{"/n.txt": "2196995", "/o.txt": "o", "/p.txt": "p"}, "n.txt", "n.a796493622.txt, has other contents"},
		"too large": {files{"/n.txt": "1506075", "/o.txt": strings.Repeat("x", 25<<20+1), "/p.txt": "p"}, "o.txt", "at most 25"},
		"long path": {files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p", "/" + strings.Repeat("d/", 255): ""}, strings.Repeat("d/", 255), "512"},
		"our own":   {files{"/n.txt": "1506075", "/o.txt": "o", "/p.txt": "p", "/.kv-sync/rusty/x": ""}, ".kv-sync/rusty/x", "kv-sync's own"},
	} {
		before := maps.Clone(r.values)
		_, err := r.engine(t).SyncKVAssets(t.Context(), &memory{files: c.files, time: time.Unix(1, 0)}, kvsync.KVAssetsOptions{})
		var refused *kvsync.RefusedError
		if !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Path != c.path || !strings.Contains(refused.Problems[0].Reason, c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was written", name)
		}
	}
	for _, f := range []files{{}, {"/p.txt": "p"}} {
		_, err := r.engine(t).SyncKVAssets(t.Context(), &memory{files: f}, kvsync.KVAssetsOptions{})
		var stopped *kvsync.GuardError
		if !errors.As(err, &stopped) || stopped.Guard != kvsync.GuardShrink {
			t.Errorf("%d files left: %v", len(f), err)
		}
	}
	if res := r.sync(t, files{}, kvsync.KVAssetsOptions{AllowShrink: true}); !bytes.Equal(res.Index, make([]byte, 8)) {
		t.Errorf("an empty index is % x", res.Index)
	}
}

func TestKVAssetsPrune(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRack()
	r.now = func() time.Time { return now }
	prune := func(opt kvsync.KVAssetsPruneOptions) (*kvsync.KVAssetsPruned, error) {
		t.Helper()
		opt.Code = r.worker
		p, err := r.engine(t).PruneKVAssets(t.Context(), opt)
		r.wantForeign(t)
		return p, err
	}
	var index [][]byte
	for i := range 4 {
		index = append(index, r.sync(t, files{"/a.txt": "a", "/b.txt": fmt.Sprint(i)}, kvsync.KVAssetsOptions{}).Index)
		now = now.Add(2 * time.Hour)
	}
	refuses := func(what string, guard kvsync.Guard) {
		t.Helper()
		before := maps.Clone(r.values)
		_, err := prune(kvsync.KVAssetsPruneOptions{})
		var stopped *kvsync.GuardError
		if !errors.As(err, &stopped) || stopped.Guard != guard {
			t.Errorf("%s: %v", what, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was deleted", what)
		}
	}
	refuses("no Worker", kvsync.GuardTarget)
	r.publish(nil)
	refuses("another Worker", kvsync.GuardForeign)
	r.publish(index[0])
	refuses("the old Worker", kvsync.GuardTarget)

	// Forced, the one that is active is kept all the same.
	p, err := prune(kvsync.KVAssetsPruneOptions{Force: true, DryRun: true})
	if err != nil || p.Deleted != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	r.wantWhole(t, index[1])

	r.publish(index[3])
	p, err = prune(kvsync.KVAssetsPruneOptions{Local: index[0]})
	if err != nil || p.Deleted != 1 || p.Young != 1 || p.Unrecorded != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	for i, whole := range []bool{true, false, true, true} { // local, gone, retained, newest
		if whole {
			r.wantWhole(t, index[i])
		}
	}
	if p, err = prune(kvsync.KVAssetsPruneOptions{}); err != nil || p.Deleted != 0 {
		t.Fatalf("again: %+v, %v", p, err) // index 0 is recorded no more: what it names, nobody knows
	}
	if got := len(r.stored()); got != 4 {
		t.Errorf("left: %q", r.stored())
	}

	// An upload beside it, or a Worker published: it stops.
	r.sync(t, files{"/a.txt": "a", "/b.txt": "4"}, kvsync.KVAssetsOptions{})
	now = now.Add(2 * time.Hour)
	last := r.sync(t, files{"/a.txt": "a", "/b.txt": "5"}, kvsync.KVAssetsOptions{})
	now = now.Add(2 * time.Hour)
	r.publish(last.Index)
	beside := sync.OnceFunc(func() { r.sync(t, files{"/a.txt": "a", "/b.txt": "2"}, kvsync.KVAssetsOptions{}) })
	r.worker.asked = beside
	refuses2 := func() error { _, err := prune(kvsync.KVAssetsPruneOptions{}); return err }
	var stopped *kvsync.GuardError
	if err := refuses2(); !errors.As(err, &stopped) || stopped.Guard != kvsync.GuardOvertaken {
		t.Errorf("beside an upload: %v", err)
	}
	r.wantWhole(t, index[2])
}

// A Worker that kv-sync deployed says itself which index it carries; its code is
// not asked for.
func TestKVAssetsPruneOfOurWorker(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRack()
	r.now = func() time.Time { return now }
	var index [][]byte
	for i := range 4 {
		index = append(index, r.sync(t, files{"/a.txt": fmt.Sprint(i)}, kvsync.KVAssetsOptions{}).Index)
		now = now.Add(2 * time.Hour)
	}
	r.publish(nil)
	for i, ok := range []bool{false, true} {
		carried := index[2+i]
		meta, err := json.Marshal(kvsync.Meta{Format: 1, Site: "rusty", Namespace: "ns", Index: kvsync.HashOf(carried).String()})
		if err != nil {
			t.Fatal(err)
		}
		r.worker.meta = []kvsync.Binding{
			{Name: kvsync.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": meta}},
			{Name: kvsync.BindingBlobs, Type: "kv_namespace", Fields: map[string]json.RawMessage{"namespace_id": json.RawMessage(`"ns"`)}},
		}
		p, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{})
		if (err == nil) != ok || ok && p.Deleted != 2 {
			t.Errorf("index %d: %+v, %v", 2+i, p, err)
		}
	}
	r.wantWhole(t, index[2])
	r.wantWhole(t, index[3])
}

// What an upload that is under way, or died, has written is kept for a while.
func TestKVAssetsPruneKeepsUploads(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRack()
	r.now = func() time.Time { return now }
	first := r.sync(t, files{"/a.txt": "a"}, kvsync.KVAssetsOptions{})
	r.publish(first.Index)
	now = now.Add(time.Minute)
	second := r.sync(t, files{"/a.txt": "a", "/b.txt": "b"}, kvsync.KVAssetsOptions{})
	record := ".kv-sync/rusty/index/" + kvsync.HashOf(second.Index).String()
	maps.DeleteFunc(r.values, func(key, _ string) bool { return strings.HasPrefix(key, record) })
	for deleted := range 2 {
		p, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Code: r.worker})
		if err != nil || p.Deleted != deleted {
			t.Fatalf("%+v, %v", p, err)
		}
		now = now.Add(2 * time.Hour)
	}
	r.wantWhole(t, first.Index)
}

// The eight zero bytes of an empty index are in every program, and tell nothing.
func TestKVAssetsPruneIgnoresEmptyIndexInCode(t *testing.T) {
	t.Parallel()
	r := newRack()
	r.sync(t, files{}, kvsync.KVAssetsOptions{AllowShrink: true})
	r.sync(t, files{"/a.txt": "a"}, kvsync.KVAssetsOptions{})
	r.publish(make([]byte, 16))
	_, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Code: r.worker})
	var stopped *kvsync.GuardError
	if !errors.As(err, &stopped) || stopped.Guard != kvsync.GuardForeign {
		t.Errorf("%v", err)
	}
}

// Records of one second, and of a clock that goes back, are in order all the same.
func TestKVAssetsOrder(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRack()
	r.now = func() time.Time { return now }
	for i := range 16 {
		f := files{"/a.txt": fmt.Sprint(i)}
		r.sync(t, f, kvsync.KVAssetsOptions{})
		if res := r.sync(t, f, kvsync.KVAssetsOptions{}); res.Uploaded != 0 {
			t.Fatalf("round %d: %+v", i, res)
		}
		now = now.Add(-time.Duration(i%2) * time.Minute)
	}
}

// An empty index never empties a namespace, whatever is given.
func TestKVAssetsPruneEmpty(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRack()
	r.now = func() time.Time { return now }
	r.sync(t, files{"/a.txt": "a"}, kvsync.KVAssetsOptions{})
	for range 3 {
		now = now.Add(2 * time.Hour)
		r.sync(t, files{}, kvsync.KVAssetsOptions{AllowShrink: true})
	}
	before := maps.Clone(r.values)
	_, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Force: true, Unrecorded: true})
	var stopped *kvsync.GuardError
	if !errors.As(err, &stopped) || stopped.Guard != kvsync.GuardShrink || !maps.Equal(before, r.values) {
		t.Errorf("%v", err)
	}
}

// A record that cannot be read deletes nothing.
func TestKVAssetsPruneUnreadable(t *testing.T) {
	t.Parallel()
	for _, damage := range []string{"value", "another value", "key", "other site"} {
		r := newRack()
		res := r.sync(t, files{"/a.txt": "a"}, kvsync.KVAssetsOptions{})
		r.publish(res.Index)
		r.values["old.0123456789.txt"] = "of the Rust kv-sync"
		switch damage {
		case "value", "another value":
			for key := range r.values {
				if strings.HasPrefix(key, ".kv-sync/rusty/upload/") {
					r.values[key] = map[string]string{"value": "{}", "another value": string(make([]byte, 8))}[damage]
				}
			}
		case "key":
			r.values[".kv-sync/rusty/pins/x"] = ""
		case "other site":
			r.values[".kv-sync/else/index/x"] = ""
		}
		before := maps.Clone(r.values)
		if _, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Code: r.worker, Unrecorded: true}); err == nil || !strings.Contains(err.Error(), "nothing was deleted") {
			t.Errorf("%s: %v", damage, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was deleted", damage)
		}
	}
}

// The Rust kv-sync's users have files from before our records: a flag deletes
// what has their shape, and nothing else.
func TestKVAssetsPruneUnrecorded(t *testing.T) {
	t.Parallel()
	r := newRack()
	res := r.sync(t, files{"/a.txt": "a"}, kvsync.KVAssetsOptions{})
	r.publish(res.Index)
	p, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Code: r.worker, Unrecorded: true})
	if err != nil || !slices.Equal(p.Keys, []string{"a.0123456789.txt", "img/logo.abc.png"}) || p.Deleted != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	if r.values["config"] != "theirs" || r.values["dir/"] != "theirs" {
		t.Error("a foreign key is gone")
	}
	r.wantWhole(t, res.Index)
}

// FuzzKVAssets syncs and prunes random trees while requests fail and runs die at
// random. What a sync has returned is whole as long as it is retained.
func FuzzKVAssets(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			r := newRack()
			calm := false
			r.befall = func() accident {
				if calm || rnd.IntN(4) > 0 {
					return none
				}
				return accident(1 + rnd.IntN(int(deadAfter)))
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
					_, err := r.engine(t).PruneKVAssets(t.Context(), kvsync.KVAssetsPruneOptions{Code: r.worker, Force: rnd.IntN(2) == 0})
					var stopped *kvsync.GuardError
					if err != nil && calm && !errors.As(err, &stopped) {
						t.Fatal(err)
					}
				} else {
					tree := randomTree(rnd)
					res, err := r.engine(t).SyncKVAssets(t.Context(), &memory{files: tree, time: time.Now()}, kvsync.KVAssetsOptions{AllowShrink: true})
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
