package kvsync_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

func TestKVAssetsPrune(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	prune := func(opt layout.PruneOptions) (*layout.Pruned, error) {
		t.Helper()
		opt.Code, opt.Retain, opt.Grace = r.worker, 2, time.Hour
		p, err := r.engine(t).Prune(t.Context(), opt)
		r.wantForeign(t)
		return p, err
	}
	var index [][]byte
	for i := range 4 {
		index = append(index, r.sync(t, files{"/a.txt": "a", "/b.txt": fmt.Sprint(i)}, kvassets.Options{}).Index)
		now = now.Add(2 * time.Hour)
	}
	refuses := func(what string, by guard.ID) {
		t.Helper()
		before := maps.Clone(r.values)
		_, err := prune(layout.PruneOptions{})
		var stopped *guard.Error
		if !errors.As(err, &stopped) || stopped.Guard != by {
			t.Errorf("%s: %v", what, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was deleted", what)
		}
	}
	refuses("no Worker", guard.Target)
	r.publish(nil)
	refuses("another Worker", guard.Foreign)
	r.publish(index[0])
	refuses("the old Worker", guard.Target)

	// Forced, the one that is active is kept all the same.
	p, err := prune(layout.PruneOptions{Force: true, DryRun: true})
	if err != nil || p.Deleted != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	r.wantWhole(t, index[1])

	r.publish(index[3])
	p, err = prune(layout.PruneOptions{Local: index[0]})
	if err != nil || p.Deleted != 1 || p.Young != 1 || p.Unrecorded != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	for i, whole := range []bool{true, false, true, true} { // local, gone, retained, newest
		if whole {
			r.wantWhole(t, index[i])
		}
	}
	if p, err = prune(layout.PruneOptions{}); err != nil || p.Deleted != 0 {
		t.Fatalf("again: %+v, %v", p, err) // index 0 is recorded no more: what it names, nobody knows
	}
	if got := len(r.stored()); got != 4 {
		t.Errorf("left: %q", r.stored())
	}

	// An upload beside it, or a Worker published: it stops.
	r.sync(t, files{"/a.txt": "a", "/b.txt": "4"}, kvassets.Options{})
	now = now.Add(2 * time.Hour)
	last := r.sync(t, files{"/a.txt": "a", "/b.txt": "5"}, kvassets.Options{})
	now = now.Add(2 * time.Hour)
	r.publish(last.Index)
	beside := sync.OnceFunc(func() { r.sync(t, files{"/a.txt": "a", "/b.txt": "2"}, kvassets.Options{}) })
	r.worker.asked = beside
	refuses2 := func() error { _, err := prune(layout.PruneOptions{}); return err }
	var stopped *guard.Error
	if err := refuses2(); !errors.As(err, &stopped) || stopped.Guard != guard.Overtaken {
		t.Errorf("beside an upload: %v", err)
	}
	r.wantWhole(t, index[2])
}

// A Worker that kv-sync deployed names its index in its metadata, so its code is not read.
func TestKVAssetsPruneOfOurWorker(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	var index [][]byte
	for i := range 4 {
		index = append(index, r.sync(t, files{"/a.txt": fmt.Sprint(i)}, kvassets.Options{}).Index)
		now = now.Add(2 * time.Hour)
	}
	r.publish(nil)
	for i, ok := range []bool{false, true} {
		carried := index[2+i]
		meta, err := json.Marshal(version.Meta{Format: 1, Site: "rusty", Namespace: "ns",
			Index: manifest.HashOf(carried).String()})
		if err != nil {
			t.Fatal(err)
		}
		r.worker.meta = []cloud.Binding{
			{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": meta}},
			{Name: cloud.BindingBlobs, Type: "kv_namespace",
				Fields: map[string]json.RawMessage{"namespace_id": json.RawMessage(`"ns"`)}},
		}
		p, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour})
		if (err == nil) != ok || ok && p.Deleted != 2 {
			t.Errorf("index %d: %+v, %v", 2+i, p, err)
		}
	}
	r.wantWhole(t, index[2])
	r.wantWhole(t, index[3])
}

// What a running or interrupted upload has written is kept for a while.
func TestKVAssetsPruneKeepsUploads(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	first := r.sync(t, files{"/a.txt": "a"}, kvassets.Options{})
	r.publish(first.Index)
	now = now.Add(time.Minute)
	second := r.sync(t, files{"/a.txt": "a", "/b.txt": "b"}, kvassets.Options{})
	record := ".kv-sync/rusty/index/" + manifest.HashOf(second.Index).String()
	maps.DeleteFunc(r.values, func(key, _ string) bool { return strings.HasPrefix(key, record) })
	for deleted := range 2 {
		p, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker})
		if err != nil || p.Deleted != deleted {
			t.Fatalf("%+v, %v", p, err)
		}
		now = now.Add(2 * time.Hour)
	}
	r.wantWhole(t, first.Index)
}

// The eight zero bytes of an empty index are in every program, so they prove nothing.
func TestKVAssetsPruneIgnoresEmptyIndexInCode(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	r.sync(t, files{}, kvassets.Options{AllowShrink: true})
	r.sync(t, files{"/a.txt": "a"}, kvassets.Options{})
	r.publish(make([]byte, 16))
	_, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker})
	var stopped *guard.Error
	if !errors.As(err, &stopped) || stopped.Guard != guard.Foreign {
		t.Errorf("%v", err)
	}
}

// An empty index never empties a namespace, whatever the options.
func TestKVAssetsPruneEmpty(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	r.sync(t, files{"/a.txt": "a"}, kvassets.Options{})
	for range 3 {
		now = now.Add(2 * time.Hour)
		r.sync(t, files{}, kvassets.Options{AllowShrink: true})
	}
	before := maps.Clone(r.values)
	_, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Force: true,
		Unrecorded: true})
	var stopped *guard.Error
	if !errors.As(err, &stopped) || stopped.Guard != guard.Shrink || !maps.Equal(before, r.values) {
		t.Errorf("%v", err)
	}
}

// If a record cannot be read, prune deletes nothing.
func TestKVAssetsPruneUnreadable(t *testing.T) {
	t.Parallel()
	for _, damage := range []string{"value", "another value", "key", "class", "other site"} {
		r := newAssetsAccount()
		res := r.sync(t, files{"/a.txt": "a"}, kvassets.Options{})
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
		case "class": // which may name what a newer release keeps
			for key, value := range r.values {
				if ref, ok := strings.CutPrefix(key, ".kv-sync/rusty/upload/"); ok {
					r.values[".kv-sync/rusty/pins/"+ref] = value
				}
			}
		case "other site":
			r.values[".kv-sync/else/index/x"] = ""
		}
		before := maps.Clone(r.values)
		if _, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker,
			Unrecorded: true}); err == nil ||
			!strings.Contains(err.Error(), "nothing was deleted") {
			t.Errorf("%s: %v", damage, err)
		}
		if !maps.Equal(before, r.values) {
			t.Errorf("%s: something was deleted", damage)
		}
	}
}

// Users of the Rust kv-sync have files that no record names. A flag deletes keys of their form, and
// nothing else.
func TestKVAssetsPruneUnrecorded(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	res := r.sync(t, files{"/a.txt": "a"}, kvassets.Options{})
	r.publish(res.Index)
	p, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker,
		Unrecorded: true})
	if err != nil || !slices.Equal(p.Keys, []string{"a.0123456789.txt", "img/logo.abc.png"}) || p.Deleted != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	if r.values["config"] != "theirs" || r.values["dir/"] != "theirs" {
		t.Error("a foreign key is gone")
	}
	r.wantWhole(t, res.Index)
}
