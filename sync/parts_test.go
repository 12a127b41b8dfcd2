package kvsync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// posts returns n files, twenty in each directory.
func posts(n int) files {
	out := files{}
	for i := range n {
		out[fmt.Sprintf("/posts/%04d/page-%02d.html", i/20, i%20)] = fmt.Sprint(i)
	}
	return out
}

// A change of one file takes the same number of requests whatever the size of the site. Without a cache,
// the live manifest has to be read: its root, the directories, and the files of the changed directory.
func TestRequestsOfOneFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ files, cold, warm int }{{1000, 7, 6}, {20_000, 9, 6}} {
		for _, cached := range []bool{false, true} {
			w := start(t)
			want := tt.cold
			if cached {
				w.config.Cache, want = &cache{}, tt.warm
			}
			h := history(posts(tt.files), posts(tt.files))
			w.mustDeploy(h[0])
			h[1].files["/posts/0007/page-00.html"] = "new"
			sent := int64(0)
			got := w.counted(func() { w.mustDeploy(h[1]) })
			for _, r := range w.p.Server.Requests() {
				sent += r.BytesIn
			}
			if len(got) > want || sent > 300<<10 {
				t.Errorf("%d files, cached %t: %d requests, want %d, and %d bytes: %v", tt.files, cached, len(got), want, sent, got)
			}
			if files := w.live().Files; files != tt.files {
				t.Errorf("it says that %d files are live", files)
			}
			if v, err := w.engine().Verify(t.Context(), false); err != nil || !v.Whole() || v.Deployments[0].Files != tt.files {
				t.Errorf("%+v, %v", v, err)
			}
		}
	}
}

// Any sequence of deploys, rollbacks and prunes has the same results with a manifest in parts as with a
// whole one.
func TestPartsAreAsWhole(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			whole, parts := start(t), start(t)
			whole.config.WholeEntries, parts.config.WholeEntries = 1<<20, 30
			if seed%2 == 0 {
				parts.config.Cache = &cache{}
			}
			both := func(do func(w *world) error) {
				t.Helper()
				errWhole, errParts := do(whole), do(parts)
				if fmt.Sprint(errWhole == nil) != fmt.Sprint(errParts == nil) {
					t.Fatalf("seed %d: whole: %v; in parts: %v", seed, errWhole, errParts)
				}
			}
			random := rand.New(rand.NewPCG(seed, 3))
			site := posts(60)
			for step := range 40 {
				pass := time.Duration(random.IntN(300)) * time.Minute
				whole.pass(pass)
				parts.pass(pass)
				switch random.IntN(6) {
				case 0:
					both(func(w *world) error { _, err := w.back(kvsync.RollbackOptions{}); return err })
				case 1:
					both(func(w *world) error { _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); return err })
				default:
					site = edited(random, site, step)
					opt := plan.Options{AllowShrink: true, Release: true, Repair: random.IntN(10) == 0, Forget: random.IntN(10) == 0}
					both(func(w *world) error {
						_, err := w.deploy(&memory{files: site, commit: commitID(step + 1)}, opt)
						return err
					})
				}
				if whole.live() == nil {
					continue
				}
				if a, b := whole.site(), parts.site(); !maps.Equal(a, b) {
					t.Fatalf("seed %d, step %d: the sites differ: %d and %d files", seed, step, len(a), len(b))
				}
				if a, b := whole.retired(), parts.retired(); !slices.Equal(a, b) {
					t.Fatalf("seed %d, step %d: retired are %q, in parts %q", seed, step, a, b)
				}
				for _, w := range []*world{whole, parts} {
					if v, err := w.engine().Verify(t.Context(), true); err != nil || !v.Whole() {
						t.Fatalf("seed %d, step %d: %+v, %v", seed, step, v, err)
					}
				}
			}
			if !strings.HasPrefix(parts.live().Manifest, "t/") || strings.HasPrefix(whole.live().Manifest, "t/") {
				t.Errorf("the manifests are %s and %s", whole.live().Manifest, parts.live().Manifest)
			}
		})
	}
}

// edited returns a copy of a site with changed, added and removed files.
func edited(random *rand.Rand, site files, step int) files {
	out := maps.Clone(site)
	paths := slices.Sorted(maps.Keys(site))
	for range 1 + random.IntN(12) {
		path := paths[random.IntN(len(paths))]
		switch random.IntN(4) {
		case 0:
			delete(out, path)
		case 1:
			out[fmt.Sprintf("/new/%d/%d.html", step, random.IntN(9))] = fmt.Sprint(random.Uint64())
		default:
			out[path] = fmt.Sprint(random.IntN(50))
		}
	}
	if len(out) < 40 {
		maps.Copy(out, posts(60))
	}
	return out
}

// A site that has outgrown a whole manifest keeps one until KV shows the new parts everywhere.
func TestGrowingIntoParts(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.WholeEntries = 30
	small, large := posts(20), posts(60)
	h := history(small, large, maps.Clone(large), maps.Clone(large))
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if m := w.live(); strings.HasPrefix(m.Manifest, "t/") || !strings.HasPrefix(m.Next, "t/") || m.Format != 1 {
		t.Errorf("after it has grown: %+v", m)
	}
	h[2].files["/posts/0000/page-00.html"] = "2"
	w.mustDeploy(h[2])
	if m := w.live(); strings.HasPrefix(m.Manifest, "t/") {
		t.Errorf("a minute later it names parts that KV may not show: %+v", m)
	}
	w.pass(time.Hour)
	h[3].files["/posts/0000/page-00.html"] = "3"
	parts := w.keys("blog/p/")
	w.mustDeploy(h[3])
	if m := w.live(); !strings.HasPrefix(m.Manifest, "t/") || m.Format != 2 {
		t.Errorf("an hour later: %+v", m)
	}
	if now := w.keys("blog/p/"); !slices.Equal(now, parts) {
		t.Errorf("it wrote parts: %q, before %q", now, parts)
	}
	w.wantSite(h[3].files)
}

// A part that is missing or damaged stops a deploy and a prune, as a manifest does.
func TestMissingPart(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world, key string){
		"missing": func(w *world, key string) { w.drop(key) },
		"damaged": func(w *world, key string) { w.put(strings.TrimPrefix(key, "blog"), []byte("KVSP")) },
	} {
		w := start(t)
		w.config.WholeEntries = 30
		h := history(posts(60), posts(61), posts(60))
		w.mustDeploy(h[0])
		w.mustDeploy(h[1])
		for _, key := range w.keys("blog/p/") {
			spoil(w, key)
		}
		_, err := w.deploy(h[2], plan.Options{})
		wantGuard(t, err, guard.Damaged)
		if got, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err == nil {
			t.Errorf("%s: prune deleted %+v", name, got)
		}
		if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Whole() {
			t.Errorf("%s: verify: %+v, %v", name, v, err)
		}
		_, err = w.back(kvsync.RollbackOptions{})
		wantGuard(t, err, guard.Missing)
		if _, err := w.deploy(h[2], plan.Options{Repair: true}); err != nil {
			t.Fatal(err)
		}
		w.wantSite(h[2].files)
	}
}
