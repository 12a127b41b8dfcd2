package kvsync_test

import (
	"fmt"
	"maps"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// pages returns a site of n pages. text is added to the first pages, as many as changed says.
func pages(n, changed int, text string) files {
	out := make(files)
	for i := range n {
		out[fmt.Sprintf("/%d.html", i)] = fmt.Sprint("page ", i)
	}
	for i := range changed {
		out[fmt.Sprintf("/%d.html", i)] += text
	}
	return out
}

// The number of requests of a rollback does not depend on the size of the site or the number of
// deployments: a rollback must be fast and must not fail.
func TestRollbackCosts(t *testing.T) {
	t.Parallel()
	needs := map[string]int{
		"workers.deployments.list":   3, // what is live, whether it still is, and whether the switch shows
		"workers.versions.get":       2, // the metadata of the live version and of the target
		"kv.keys.list":               1, // whether the page exists that only the target has
		"kv.values.put":              1, // the record of what is held back
		"workers.deployments.create": 1, // the switch
	}
	for name, tt := range map[string]struct {
		files, changed, deploys int
		cold                    bool
		more                    map[string]int
	}{
		"two deployments":     {3, 1, 2, false, nil},
		"many files":          {1500, 1, 2, false, nil},
		"many deployments":    {3, 1, 12, false, nil},
		"on another machine":  {3, 1, 2, true, map[string]int{"kv.values.get": 2}}, // both manifests
		"several files":       {1500, 20, 2, false, map[string]int{"kv.keys.list": 19}},
		"a large part of all": {1500, 101, 2, false, map[string]int{"kv.keys.list": 1}}, // pages of 1,000 keys
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.config.Cache = &cache{}
			var contents []files
			for i := range tt.deploys {
				contents = append(contents, pages(tt.files, tt.changed, fmt.Sprint(" of ", i)))
			}
			for _, src := range history(contents...) {
				w.mustDeploy(src)
			}
			if tt.cold {
				w.config.Cache = nil
			}
			got := make(map[string]int)
			for _, kind := range w.counted(func() {
				if _, err := w.back(kvsync.RollbackOptions{}); err != nil {
					t.Error(err)
				}
			}) {
				got[kind]++
			}
			want := maps.Clone(needs)
			for kind, n := range tt.more {
				want[kind] += n
			}
			if !maps.Equal(got, want) {
				t.Errorf("it took %v, want %v", got, want)
			}
			if got, want := w.live().Commit, commitID(tt.deploys-1); got != want {
				t.Errorf("%s is live, not %s", got, want)
			}
		})
	}
}

// A blob that the live deployment also lacks does not prevent a rollback: the rollback makes
// nothing worse, and the missing blob may be the reason for it.
func TestRollbackOverWhatIsMissingAnyway(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(files{"/a": "a", "/b": "b"}, files{"/a": "other", "/b": "b"})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	var shared string
	for _, a := range w.manifest().Assets {
		if a.Path == "/b" {
			shared = "blog/b/" + a.Blob.String()
		}
	}
	w.drop(shared)
	if _, err := w.back(kvsync.RollbackOptions{}); err != nil {
		t.Error(err)
	}
	if live := w.live(); live.Commit != h[0].commit {
		t.Errorf("%+v is live", live)
	}
}

// If the manifest of the live deployment is missing, a rollback checks every blob of the target.
func TestRollbackWithoutTheLiveManifest(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(files{"/a": "a", "/b": "b"}, files{"/a": "other", "/b": "b"})
	w.mustDeploy(h[0])
	key := ""
	for _, a := range w.manifest().Assets {
		if a.Path == "/b" {
			key = "blog/b/" + a.Blob.String()
		}
	}
	w.mustDeploy(h[1])
	w.drop(w.manifestKey(w.live()))
	if _, err := w.back(kvsync.RollbackOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
	w.drop(key)
	_, err := w.back(kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Missing)
}

// A rollback refuses a deployment if the index or a chunk of a large file is missing or damaged.
func TestRollbackToADamagedLargeFile(t *testing.T) {
	for what, how := range map[string][]string{"index": {"gone", "damaged"}, "chunk": {"gone"}} {
		for _, how := range how {
			t.Run(what+" "+how, func(t *testing.T) {
				t.Parallel()
				w := start(t)
				h := history(files{"/film.mp4": reel("ay"), "/a": "a"}, files{"/a": "b"})
				w.mustDeploy(h[0])
				w.hurt(what, how)
				w.mustDeploy(h[1])
				_, err := w.back(kvsync.RollbackOptions{})
				wantGuard(t, err, guard.Missing)
			})
		}
	}
}

// A rollback finds its target among all earlier deployments, also after other rollbacks.
func TestRollbackFindsItsTarget(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	var ids []string
	for _, src := range h {
		ids = append(ids, w.mustDeploy(src).Deployment)
	}
	to := func(to string, want int) {
		t.Helper()
		res, err := w.back(kvsync.RollbackOptions{To: to})
		if err != nil || res.Deployment != ids[want] {
			t.Errorf("rollback to %q: %+v, %v; want %s", to, res, err, ids[want])
		}
	}
	to("", 1)
	to(ids[2], 2)
	to("", 1) // what was live before the third was first live
	to("", 0)
	to(h[2].commit, 2)
	_, err := w.back(kvsync.RollbackOptions{To: ids[0][:8]})
	wantCase(t, err, guard.Target, finding.CaseAmbiguous)
}
