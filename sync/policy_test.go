package kvsync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// retaining deploys n versions of a site or project with a policy, an hour apart, and then advances
// the clock.
func retaining(t *testing.T, w *world, n, retain int) []*memory {
	t.Helper()
	w.config.Retain = retain
	var contents []files
	for i := range n {
		contents = append(contents, files{"/a": fmt.Sprintf("a%d", i), "/b": "b"})
	}
	h := history(contents...)
	for _, src := range h {
		w.mustDeploy(src)
		w.pass(time.Hour)
	}
	w.pass(20 * 24 * time.Hour)
	return h
}

// A prune uses the recorded policy, whatever the configuration of the folder in which it runs.
func TestPruneInAnotherFolder(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*world{"site": start(t), "project": startProject(t)} {
		h := retaining(t, w, 10, 9)
		w.config.Retain, w.config.Grace = 1, time.Hour // of another folder
		if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := w.engine().Verify(t.Context(), true)
		if err != nil || !v.Whole() {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		retained := 0
		for _, d := range v.Deployments {
			if d.Retained {
				retained++
			}
		}
		if retained != 9 {
			t.Errorf("%s: %d deployments are retained, not 9", name, retained)
		}
		if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: h[1].commit}); err != nil {
			t.Errorf("%s: the ninth deployment: %v", name, err)
		}
	}
}

// The recorded grace period counts, too: what was written within it is kept.
func TestPruneGoesByTheRecordedGrace(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Grace = 30 * 24 * time.Hour
	retaining(t, w, 3, 1)
	all := len(w.keys("blog/"))
	w.config.Grace = time.Hour
	got, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || got.Deleted != 0 {
		t.Errorf("of %d keys within the grace period it deleted %+v, %v", all, got, err)
	}
}

// If a person gives a policy, the larger number of that and the recorded one counts.
func TestPruneKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	w := start(t)
	retaining(t, w, 6, 2)
	for retain, want := range map[int]int{1: 4 * 3, 4: 2 * 3} {
		got, err := w.engine().Prune(t.Context(), layout.PruneOptions{Retain: retain, DryRun: true})
		if err != nil || got.Deleted != want {
			t.Errorf("with %d given it would delete %+v, %v; want %d", retain, got, err, want)
		}
	}
}

// older is an account in which deployments before a time were made by an older kv-sync, which
// recorded no policy.
type older struct {
	cloud.Account
	before time.Time
}

func (o older) Store(id string) cloud.Store { return olderStore{o.Account.Store(id), o} }
func (o older) Workers(script string) cloud.Workers {
	return olderWorkers{o.Account.Workers(script), o}
}

// strip removes the policy from the metadata of a deployment.
func (o older) strip(b []byte) []byte {
	var m map[string]any
	if json.Unmarshal(b, &m) != nil {
		return b
	}
	id, _ := m["deployment"].(string)
	if made, ok := manifest.DeploymentTime(id); !ok || !made.Before(o.before) {
		return b
	}
	delete(m, "retain")
	delete(m, "grace")
	out, _ := json.Marshal(m)
	return out
}

type olderStore struct {
	cloud.Store
	a older
}

func (s olderStore) Get(ctx context.Context, key string) ([]byte, error) {
	b, err := s.Store.Get(ctx, key)
	return s.a.strip(b), err
}

type olderWorkers struct {
	cloud.Workers
	a older
}

func (w olderWorkers) Version(ctx context.Context, id string) (cloud.Version, error) {
	v, err := w.Workers.Version(ctx, id)
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingMeta {
			b.Fields["json"] = w.a.strip(b.Fields["json"])
		}
	}
	return v, err
}

// If nothing is recorded, a person has to say how much to keep. A deploy records it.
func TestPruneWithoutARecordedPolicy(t *testing.T) {
	t.Parallel()
	w := start(t)
	retaining(t, w, 4, 3)
	w.config.Account = older{w.account, w.time()}
	_, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	wantCase(t, err, guard.Unread, finding.CasePruneRetain)
	// The others go by the configuration.
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{DryRun: true}); err != nil {
		t.Error(err)
	}
	got, err := w.engine().Prune(t.Context(), layout.PruneOptions{Retain: 2})
	if err != nil || got.Deleted != 2*3 {
		t.Errorf("it deleted %+v, %v", got, err)
	}
	w.pass(time.Hour)
	w.config.Retain = 1
	w.mustDeploy(&memory{files: files{"/a": "x", "/b": "b"}})
	w.pass(48 * time.Hour)
	if got, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted == 0 {
		t.Errorf("after a deploy it deleted %+v, %v", got, err)
	}
	w.wantSite(files{"/a": "x", "/b": "b"})
}

// A retain that is larger than before does not bring back what a prune has deleted. It does not
// make verify or later prunes fail.
func TestRetainIsRaised(t *testing.T) {
	t.Parallel()
	w := start(t)
	retaining(t, w, 5, 2)
	if got, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted != 3*3 {
		t.Fatalf("it deleted %+v, %v", got, err)
	}
	w.config.Retain = 5
	w.mustDeploy(&memory{files: files{"/a": "last", "/b": "b"}})
	w.pass(48 * time.Hour)
	if got, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted != 0 {
		t.Errorf("it deleted %+v, %v", got, err)
	}
	if v, err := w.engine().Verify(t.Context(), false); err != nil || !v.Whole() {
		t.Errorf("verify: %+v, %v", v, err)
	}
	// What no earlier prune may have deleted is still required.
	for _, key := range slices.Concat(w.keys("blog/m/"), w.keys("blog/t/")) {
		if key != w.manifestKey(w.live()) {
			w.drop(key)
		}
	}
	if _, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err == nil {
		t.Error("without the manifests of what is retained it pruned")
	}
	if v, err := w.engine().Verify(t.Context(), false); err != nil || v.Whole() {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

// A run relies on what it wrote for half of the shorter grace period: its own, or that of the live
// deployment, which a prune on another machine uses.
func TestRunTrustsTheShorterGrace(t *testing.T) {
	t.Parallel()
	w := startOnSeconds(t)
	w.config.Grace = time.Hour
	h := history(one, two)
	w.mustDeploy(h[0])
	w.config.Grace = 240 * time.Hour
	versions := 0
	w.during("workers.versions.create", func() {
		if versions++; versions == 1 {
			w.pass(31 * time.Minute)
		}
	})
	w.mustDeploy(h[1])
	if !strings.Contains(strings.Join(w.notes, "\n"), "longer than half the grace period") {
		t.Errorf("it switched to what a prune may have deleted: %q", w.notes)
	}
}
