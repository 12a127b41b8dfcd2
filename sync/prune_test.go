package kvsync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// aged deploys n versions of a site, a minute apart.
func aged(t *testing.T, n int) (*world, []files) {
	w := start(t)
	w.config.Retain = 2
	w.config.PruneCap = 1000
	var contents []files
	for i := range n {
		contents = append(contents, files{"/a": fmt.Sprintf("a%d", i), "/b": "b", "/c": "c"})
	}
	for _, src := range history(contents...) {
		w.mustDeploy(src)
		w.pass(time.Minute)
	}
	return w, contents
}

// later advances the clocks until everything is older than the grace period.
func (w *world) later() *kvsync.Engine {
	c := w.config
	now := w.time().Add(30 * 24 * time.Hour)
	c.Now = func() time.Time { return now }
	c.Account = kvsync.TimedAccount{Account: c.Account, Clock: c.Now}
	e, err := kvsync.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// A prune reads the records of all deployments with one request.
func TestPruneReadsRecordsTogether(t *testing.T) {
	w, _ := aged(t, 5)
	w.config.Retain = 5
	kinds := w.counted(func() {
		if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	records := 0
	for _, r := range w.p.Server.Requests() {
		if strings.Contains(r.Path, "/values/blog%2Fd%2F") || strings.Contains(r.Path, "/values/blog/d/") {
			records++
		}
	}
	bulk := len(slices.DeleteFunc(kinds, func(kind string) bool { return kind != "kv.bulk.get" }))
	if records != 0 || bulk != 1 {
		t.Errorf("%d reads of a record and %d bulk reads", records, bulk)
	}
}

func TestPruneDeletesWhatNoRootReaches(t *testing.T) {
	w, contents := aged(t, 5)
	all := w.keys("blog/")
	dry, err := w.later().Prune(t.Context(), layout.PruneOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.keys("blog/"); !slices.Equal(got, all) {
		t.Fatalf("a dry run changed the keys: %v", got)
	}
	// Two deployments are retained; of the others goes a blob, a manifest and a record each.
	if dry.Deleted != 9 || len(dry.Keys) != 9 || dry.Kept != len(all)-9 || dry.Young != 0 {
		t.Errorf("a dry run found %+v of %d keys", dry, len(all))
	}
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted != 9 || !slices.Equal(got.Keys, dry.Keys) {
		t.Errorf("it deleted %+v, %v", got, err)
	}
	w.wantSite(contents[4])
	if _, err := w.later().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(contents[3])
	_, err = w.later().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Target)
	if again, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil || again.Deleted != 0 {
		t.Errorf("a second time it deleted %+v, %v", again, err)
	}
}

func TestPruneSparesWhatIsYoung(t *testing.T) {
	w, _ := aged(t, 5)
	all := w.keys("blog/")
	got, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted != 0 {
		t.Errorf("within the grace period it deleted %+v, %v", got, err)
	}
	if now := w.keys("blog/"); !slices.Equal(now, all) {
		t.Errorf("keys are %v, were %v", now, all)
	}
}

func TestPruneCap(t *testing.T) {
	w, _ := aged(t, 5)
	w.config.PruneCap = 4
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted != 4 || got.Left != 5 {
		t.Errorf("capped at 4 it deleted %+v, %v", got, err)
	}
}

// Promise 4: if prune is not certain about anything, it deletes nothing.
func TestPruneIsTimid(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *world){
		"a manifest of a root is gone": func(t *testing.T, w *world) {
			w.drop(w.manifestKey(w.live()))
		},
		"a manifest of a root is damaged": func(t *testing.T, w *world) {
			if err := w.store().Put(t.Context(), w.manifestKey(w.live()), []byte("KVSS")); err != nil {
				t.Fatal(err)
			}
		},
		"a key that a newer release wrote": func(t *testing.T, w *world) {
			if err := w.store().Put(t.Context(), "blog/q/newer", []byte("x")); err != nil {
				t.Fatal(err)
			}
		},
		"the listing fails half-way": func(t *testing.T, w *world) {
			w.fault("kv.keys.list", platform.Fault{Kind: platform.FaultStatus, Status: 403})
		},
		"the versions cannot be read": func(t *testing.T, w *world) {
			w.fault("workers.versions.get", platform.Fault{Kind: platform.FaultStatus, Status: 403})
		},
		"the deployments cannot be read": func(t *testing.T, w *world) {
			w.fault("workers.deployments.list", platform.Fault{Kind: platform.FaultStatus, Status: 403})
		},
		"a manifest cannot be read now": func(t *testing.T, w *world) {
			w.fault("kv.values.get", platform.Fault{Kind: platform.FaultStatus, Status: 403})
		},
		"a record is damaged": func(t *testing.T, w *world) {
			if err := w.store().Put(t.Context(), "blog/d/"+w.live().Deployment, []byte("{")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := aged(t, 5)
			spoil(t, w)
			got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
			if err == nil {
				t.Errorf("it went on and deleted %+v", got)
			}
			w.p.Server.SetFault(nil)
			for _, r := range w.p.Server.Requests() {
				if r.Kind == "kv.bulk.delete" && !strings.Contains(name, "gone") {
					t.Errorf("it sent %s", r.Kind)
				}
			}
		})
	}
}

func (w *world) drop(key string) {
	w.t.Helper()
	if _, err := w.store().DeleteBulk(w.t.Context(), []string{key}); err != nil {
		w.t.Fatal(err)
	}
	w.p.Server.ResetRequests()
}

// Pages may be empty while more remain, and lists may lag behind.
func TestPruneListsToTheEnd(t *testing.T) {
	w, contents := aged(t, 4)
	b := w.p.Server.Behaviour()
	b.EmptyPages = true
	w.p.Server.SetBehaviour(b)
	got, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted != 6 {
		t.Errorf("over empty pages it deleted %+v, %v", got, err)
	}
	w.wantSite(contents[3])
}

// An empty listing while a deployment is live is not trusted.
func TestPruneEmptyListing(t *testing.T) {
	w, contents := aged(t, 3)
	w.config.Account = noListAccount{w.config.Account}
	_, err := w.later().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Unread)
	w.wantSite(contents[2])
}

// A split has two active versions, and each is a root.
func TestPruneKeepsBothSidesOfASplit(t *testing.T) {
	w, _ := aged(t, 6)
	acts, err := w.account.Workers("blog").Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	oldest, newest := acts[len(acts)-1].Versions[0].Version, acts[0].Versions[0].Version
	err = w.account.Workers("blog").Activate(t.Context(), []cloud.Share{{Version: newest, Percent: 90},
		{Version: oldest, Percent: 10}}, "split", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.later().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(w.keys("blog/"), w.manifestKey(w.metaOf(oldest))) {
		t.Error("the manifest of the version with 10 % of the traffic was pruned")
	}
	v, err := w.later().Verify(t.Context(), true)
	if err != nil || !v.Whole() {
		t.Errorf("after the prune: %+v, %v", v, err)
	}
}

// A deploy prunes after its switch, at most once in a grace period.
func TestDeployPrunesWhenDue(t *testing.T) {
	w, _ := aged(t, 5)
	w.pass(30 * 24 * time.Hour)
	h := history(files{}, files{}, files{}, files{}, files{}, files{"/a": "new", "/b": "b", "/c": "c"},
		files{"/a": "newer", "/b": "b", "/c": "c"})
	kinds := w.counted(func() {
		if res := w.mustDeploy(h[5]); res.Pruned == 0 {
			t.Errorf("it pruned nothing: %+v", res)
		}
	})
	if slices.Index(kinds, "kv.bulk.delete") < slices.Index(kinds, "workers.deployments.create") {
		t.Errorf("it deleted before the switch: %v", kinds)
	}
	kinds = w.counted(func() { w.mustDeploy(h[6]) })
	if slices.Contains(kinds, "kv.keys.list") {
		t.Errorf("the next deploy pruned again: %v", kinds)
	}
	w.wantSite(h[6].files)
}

// If nothing is live, prune cannot know what is garbage. What a failed first deploy left stays
// until a deploy succeeds.
func TestPruneAfterAFailedFirstDeploy(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T) *world{"site": start, "project": startProject} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			namespace, err := w.account.CreateNamespace(t.Context(), "kv-sync")
			if err != nil {
				t.Fatal(err)
			}
			w.config.Namespace = namespace
			w.config.Account = w.connect(1)
			h := history(one, two)
			w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
				if r.Kind == "workers.scripts.put" || r.Kind == "kv.values.put" {
					return platform.Fault{Kind: platform.FaultStatus, Status: 403}
				}
				return platform.Fault{}
			})
			if _, err := w.deploy(h[0], plan.Options{}); err == nil {
				t.Fatal("it was deployed")
			}
			w.p.Server.SetFault(nil)
			left := w.keysOf("")
			w.pass(100 * time.Hour)
			_, err = w.engine().Prune(t.Context(), layout.PruneOptions{})
			wantCase(t, err, guard.Target, finding.CasePruneUndeployed)
			if got := w.keysOf(""); len(left) == 0 || !slices.Equal(got, left) {
				t.Errorf("%d keys are left of %d: %v", len(got), len(left), err)
			}
			w.config.Retain = 1
			w.mustDeploy(h[1])
			w.pass(100 * time.Hour)
			pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
			if err != nil || pruned.Deleted != len(left) {
				t.Errorf("%+v, %v; want the %d keys of the first run deleted", pruned, err, len(left))
			}
		})
	}
}

// Promise 11: another tool can make a version live whose files prune has deleted. The next
// deploy does not rely on them, even if it still has the manifest.
func TestDeployOverAPrunedVersion(t *testing.T) {
	t.Parallel()
	w, contents := aged(t, 5)
	acts, err := w.workers().Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := w.manifestKey(w.metaOf(acts[len(acts)-1].Main()))
	kept, err := w.store().Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	w.pass(30 * 24 * time.Hour)
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.store().Put(t.Context(), key, kept); err != nil {
		t.Fatal(err)
	}
	if err := w.workers().Activate(t.Context(), acts[len(acts)-1].Versions, "", true); err != nil {
		t.Fatal(err)
	}
	next := maps.Clone(contents[0])
	next["/new"] = "new"
	h := history(append(contents, next)...)
	if res := w.mustDeploy(h[5]); !res.Switched {
		t.Error("nothing was deployed")
	}
	w.wantSite(next)
}
