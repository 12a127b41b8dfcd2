package kvsync_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// A record that holds another index is not trusted: everything that it names is uploaded again.
func TestKVAssetsDamagedRecord(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	records := func() []string {
		return slices.DeleteFunc(slices.Collect(maps.Keys(r.values)),
			func(key string) bool { return !strings.HasPrefix(key, ".kv-sync/rusty/index/") })
	}
	r.sync(t, files{"/a.txt": "a", "/b.txt": "1"}, kvassets.Options{})
	first := records()[0]
	next := files{"/a.txt": "a", "/b.txt": "2"}
	r.sync(t, next, kvassets.Options{})
	for _, key := range records() {
		if key != first {
			r.values[key] = r.values[first]
		}
	}
	if res := r.sync(t, next, kvassets.Options{}); res.Uploaded != 2 {
		t.Errorf("%d files were uploaded, want both", res.Uploaded)
	}
}

// Prune keeps all indexes younger than the grace period, because one of them may be published next.
// The note of their upload may be older.
func TestKVAssetsPruneKeepsYoungIndexes(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newAssetsAccount()
	r.now = func() time.Time { return now }
	r.sync(t, files{"/a.txt": "a", "/b.txt": "b"}, kvassets.Options{})
	now = now.Add(5 * time.Hour)
	young := r.sync(t, files{"/a.txt": "a"}, kvassets.Options{}).Index // uploads nothing
	r.sync(t, files{"/a.txt": "2"}, kvassets.Options{})
	last := r.sync(t, files{"/a.txt": "3"}, kvassets.Options{}).Index // two are retained
	r.publish(last)
	for _, gone := range []string{"b.txt", "a.txt"} { // one of each when it is not young any more
		p, err := r.engine(t).Prune(t.Context(), layout.PruneOptions{Retain: 2, Grace: time.Hour, Code: r.worker})
		if err != nil || p.Deleted != 1 || !strings.HasPrefix(p.Keys[0], gone[:2]) {
			t.Fatalf("%+v, %v", p, err)
		}
		r.wantWhole(t, last)
		if gone == "b.txt" {
			r.wantWhole(t, young)
		}
		now = now.Add(2 * time.Hour)
	}
}

// While traffic is split, prune deletes nothing unless each version says which index it carries.
func TestKVAssetsPruneOfASplit(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	w.config.Retain = 1
	h := history(one, two)
	a := w.must(h[0])
	w.pass(100 * time.Hour)
	b := w.must(h[1])
	foreign, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(100 * time.Hour)
	for _, other := range []string{foreign, a.Version} {
		split := []cloud.Share{{Version: b.Version, Percent: 60}, {Version: other, Percent: 40}}
		if err := w.workers().Activate(t.Context(), split, "split", true); err != nil {
			t.Fatal(err)
		}
		all := w.keys("")
		if p, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err == nil {
			t.Errorf("it went on: %+v", p)
		}
		if left := w.keys(""); !slices.Equal(left, all) {
			t.Errorf("%d keys are left of %d", len(left), len(all))
		}
	}
}

// Promise 1 holds in this layout, too: verify hashes what it reads.
func TestKVAssetsVerifyReadsData(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	w.must(history(one)[0])
	index, err := kvassets.DecodeIndex(w.code.made[w.live().Index])
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store().Put(t.Context(), index[0].Key, []byte("rotten")); err != nil {
		t.Fatal(err)
	}
	for _, read := range []bool{false, true} {
		v, err := w.engine().Verify(t.Context(), read)
		if err != nil || v.Whole() == read || read && !slices.Equal(v.Deployments[0].Corrupt, []string{"/" + index[0].Path}) {
			t.Errorf("data %v: %+v, %v", read, v, err)
		}
	}
}

// A Worker of another tool is replaced only with TakeOver.
func TestKVAssetsForeign(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	src := history(one)[0]
	if err := w.workers().PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	_, err := w.deployAssets(t.Context(), w.engine(), src, plan.Options{})
	wantGuard(t, err, guard.Foreign)
	if w.code.builds != 0 || w.live() != nil {
		t.Error("it was replaced, or built for nothing")
	}
	if _, err := w.deployAssets(t.Context(), w.engine(), src, plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	w.wantServed(one)
}

// Promise 10: this layout has no overlay, so a site with edits moves to it only if a person allows
// it.
func TestKVAssetsKeepsEdits(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	w.config.Layout, w.config.Serving.Overlay = "", true
	h := history(one, two)
	w.mustDeploy(h[0])
	w.edit(edit{path: "/index.html", body: "edited"})
	w.config.Layout, w.config.Serving.Overlay = "kv-assets", false
	_, err := w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{})
	wantGuard(t, err, guard.Overlay)
	w.wantSite(one)
	if _, err := w.deployAssets(t.Context(), w.engine(), h[1], plan.Options{HideEdits: true}); err != nil {
		t.Fatal(err)
	}
	w.wantServed(two)
}

// Promise 5: a newer commit that builds the same as the one that a rollback replaced is held back.
// Only its build shows that.
func TestKVAssetsHoldCoversTheSameContent(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	h := history(one, two, two)
	w.must(h[0])
	w.must(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.deployAssets(t.Context(), w.engine(), h[2], plan.Options{})
	wantGuard(t, err, guard.Held)
	w.wantServed(one)
	w.code.text = "mended"
	w.must(h[2])
	w.wantServed(two)
}
