package kvsync_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// withNext deploys a site in parts, and then a change of so many files that the version has a next root.
// It returns the commit after them, and the parts that only the next root has.
func withNext(t *testing.T) (w *world, after *memory, only []string) {
	t.Helper()
	w = start(t)
	w.config.WholeEntries, w.config.Cache = 30, &cache{}
	h := history(posts(900), posts(900), posts(900))
	for path := range h[1].files {
		if path < "/posts/0022" {
			h[1].files[path], h[2].files[path] = "new", "new"
		}
	}
	h[2].files["/posts/0040/page-00.html"] = "newer"
	w.mustDeploy(h[0])
	before := w.keys("blog/p/")
	w.mustDeploy(h[1])
	if m := w.live(); !strings.HasPrefix(m.Next, "t/") || !strings.HasPrefix(m.Manifest, "t/") {
		t.Fatalf("it has no next root: %+v", m)
	}
	for _, key := range w.keys("blog/p/") {
		if !slices.Contains(before, key) {
			only = append(only, key)
		}
	}
	return w, h[2], only
}

// A deploy begins with the next root once KV shows its parts everywhere, and then its difference is small.
func TestNextRootIsUsedWhenOld(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		age  time.Duration
		used bool
	}{{time.Minute, false}, {time.Hour, true}} {
		w, after, _ := withNext(t)
		w.pass(tt.age)
		w.mustDeploy(after)
		if used := w.live().Next == ""; used != tt.used {
			t.Errorf("after %s the next root is used: %t", tt.age, used)
		}
		w.wantSite(after.files)
	}
}

// Prune keeps the parts of the next root, and verify counts none of them as unrooted.
func TestPruneKeepsNextRoot(t *testing.T) {
	t.Parallel()
	w, after, only := withNext(t)
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Unrooted != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	w.pass(48 * time.Hour)
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if now := w.keys("blog/p/"); !isSubset(only, now) {
		t.Errorf("there are %q, want all of %q", now, only)
	}
	w.mustDeploy(after)
	if w.live().Next != "" {
		t.Error("the deploy did not begin with the next root")
	}
}

// A next root from the cache is not used if KV does not have its parts.
func TestNextRootWithoutParts(t *testing.T) {
	t.Parallel()
	w, after, only := withNext(t)
	w.pass(time.Hour)
	w.drop(only[0])
	w.mustDeploy(after)
	w.config.Cache = nil
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Deployments[0].Problem != "" {
		t.Errorf("%+v, %v", v, err)
	}
	w.wantSite(after.files)
}

// A rollback refuses a deployment whose parts are only in the cache.
func TestRollbackWithoutParts(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"t", "p"} {
		w := start(t)
		w.config.WholeEntries, w.config.Cache = 30, &cache{}
		h := history(posts(60), maps.Clone(posts(60)))
		w.mustDeploy(h[0])
		old := w.keys("blog/" + letter + "/")
		if _, err := w.deploy(h[1], plan.Options{Repair: true}); err != nil {
			t.Fatal(err)
		}
		w.drop(old[0])
		_, err := w.back(kvsync.RollbackOptions{})
		wantGuard(t, err, guard.Missing)
	}
}

// A repair trusts no part, although the cache has it.
func TestRepairTrustsNoPart(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.WholeEntries, w.config.Cache = 30, &cache{}
	h := history(posts(60))
	w.mustDeploy(h[0])
	w.drop(w.keys("blog/p/")[0])
	if _, err := w.deploy(h[0], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	w.config.Cache = nil
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Deployments[0].Problem != "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// A site that becomes small keeps the files in the parts that the deploy did not read.
func TestShrinkingOutOfParts(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.WholeEntries = 100
	h := history(posts(500), posts(500), posts(500))
	w.mustDeploy(h[0])
	w.config.WholeEntries = 1000
	h[1].files["/posts/0024/page-00.html"], h[2].files["/posts/0024/page-00.html"] = "new", "new"
	w.mustDeploy(h[1])
	if m := w.live(); !strings.HasPrefix(m.Manifest, "t/") {
		t.Errorf("it was not read whole, and is stored as %s", m.Manifest)
	}
	w.wantSite(h[1].files)
	if _, err := w.deploy(h[2], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	if m := w.live(); strings.HasPrefix(m.Manifest, "t/") {
		t.Errorf("it was read whole, and is stored as %s", m.Manifest)
	}
	w.wantSite(h[2].files)
}

func isSubset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
