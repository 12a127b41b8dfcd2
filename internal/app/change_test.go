package app_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// cost is the cost of a plan.
type cost struct {
	requests           int
	allocations, bytes int64 // of memory
}

// The number of requests of a plan is that in docs/architecture.md, for every size of the site.
// The memory grows only with the two manifests, of which no index is built, so a plan in a
// repository of 100,000 files takes less than 300 ms (make bench-git). A plan without changes
// does not read the manifest.
func TestCostOfAPlanDependsOnTheChange(t *testing.T) {
	const small, large = 1000, 8000
	costs := map[string]map[int]cost{}
	for _, files := range []int{small, large} {
		f := platformtest.Start(t)
		repo := &sourcetest.Large{Files: files, FileBytes: 100, Commits: 20}
		repo.Make(t)
		in := app.Inputs{
			Root: repo.Dir, CacheDir: t.TempDir(), Getenv: func(string) string { return "" }, Commit: sourcetest.Live,
			Token: f.Token, AccountID: f.AccountID, BaseURL: f.BaseURL,
		}
		if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
		cached := in.CacheDir
		for _, tc := range []struct {
			name, commit, cache string
			requests, changed   int
		}{
			{"a page", sourcetest.Page, cached, 2, 1},
			{"a page, nothing cached", sourcetest.Page, filepath.Join(t.TempDir(), "empty"), 3, 1},
			{"no asset", sourcetest.Notes, cached, 2, 0},
			{"no change", sourcetest.Live, cached, 2, 0},
		} {
			in.Commit, in.CacheDir = tc.commit, tc.cache
			var c cost
			plan := func() {
				t.Helper()
				f.Server.ResetRequests()
				site := open(t, in)
				p, err := site.Plan(t.Context(), plan.Options{})
				if err != nil || len(p.Changed) != tc.changed || p.Unchanged+len(p.Changed) != files ||
					p.NoChange != (tc.changed == 0) {
					t.Fatalf("%d files: %s: %+v, %v", files, tc.name, p, err)
				}
				c.requests = len(f.Server.Requests())
			}
			for i := range 4 { // other work of the process only adds, so the minimum counts
				if tc.cache != cached {
					in.CacheDir = filepath.Join(tc.cache, fmt.Sprint(i))
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				plan()
				runtime.ReadMemStats(&after)
				allocations, bytes := int64(after.Mallocs-before.Mallocs), int64(after.TotalAlloc-before.TotalAlloc)
				if i == 0 {
					c.allocations, c.bytes = allocations, bytes
				}
				c.allocations, c.bytes = min(c.allocations, allocations), min(c.bytes, bytes)
			}
			want := tc.requests
			if files == large && tc.cache != cached {
				want += 3 // of a manifest in parts: the directories, and the files of one
			}
			if c.requests != want {
				t.Errorf("%d files: %s: %d requests, want %d", files, tc.name, c.requests, want)
			}
			if costs[tc.name] == nil {
				costs[tc.name] = map[int]cost{}
			}
			costs[tc.name][files] = c
		}
	}
	for name, at := range costs {
		a, b := at[small], at[large]
		allocations, bytes := per(b.allocations-a.allocations, large-small), per(b.bytes-a.bytes, large-small)
		t.Logf("%s: %d requests; each further file takes %.2f allocations of %.0f bytes in all", name, b.requests,
			allocations, bytes)
		most := fmt.Sprintf("%s: each further file takes", name)
		switch name {
		case "a page":
			if allocations > 0.3 || bytes > 200 {
				t.Errorf("%s %.2f allocations and %.0f bytes, at most 0.3 and 200 are allowed", most, allocations, bytes)
			}
		case "no asset", "no change":
			if allocations > 0.1 || bytes > 50 {
				t.Errorf("%s %.2f allocations and %.0f bytes, and should take nothing", most, allocations, bytes)
			}
		}
	}
}

func per(n, of int64) float64 { return float64(n) / float64(of) }
