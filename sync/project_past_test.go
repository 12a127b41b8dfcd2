package kvsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// shopLater returns an engine of the project "shop" for a later time.
func shopLater(t *testing.T, kv cloud.Account, passed time.Duration) *Engine {
	t.Helper()
	later := func() time.Time { return time.Now().Add(passed) }
	e, err := New(site.Config{Project: "shop", Namespace: "ns", Account: TimedAccount{kv, later}, Now: later})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deployedTimes returns a KV to which the project was deployed n times.
func deployedTimes(t *testing.T, n int) memoryKV {
	t.Helper()
	kv := memoryKV{}
	for i := range n {
		deployText(t, kv, fmt.Sprint("version ", i))
	}
	return kv
}

// If a version is lost from KV, its deployment is still listed as one of kv-sync and reported as
// missing. While it is retained, it is not known which blobs it needs.
func TestProjectMissingVersion(t *testing.T) {
	t.Parallel()
	kv := deployedTimes(t, 3)
	past, err := shopIn(t, kv).History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost, before := past[1], past[2]
	delete(kv, "project/shop/b/"+lost.Version)
	was := maps.Clone(kv)
	later := shopLater(t, kv, 100*time.Hour)

	past, err = later.History(t.Context())
	if err != nil || len(past) != 3 || !past[1].Missing || past[1].ID != lost.ID || past[1].Record == nil ||
		past[0].Missing || past[2].Missing {
		t.Errorf("history: %+v, %v", past, err)
	}
	v, err := later.Verify(t.Context(), false)
	if err != nil || v.Whole() || len(v.Deployments) != 3 || v.Deployments[1].Deployment != lost.ID ||
		!strings.Contains(v.Deployments[1].Problem, lost.Version) {
		t.Errorf("verify: %+v, %v", v, err)
	}
	var stopped *guard.Error
	for _, to := range []string{"", lost.ID, lost.Version} {
		_, err = later.Rollback(t.Context(), RollbackOptions{To: to})
		if !errors.As(err, &stopped) || stopped.Guard != guard.Missing || !strings.Contains(err.Error(), lost.ID) ||
			!strings.Contains(err.Error(), lost.Version) {
			t.Errorf("rollback to %q: %v", to, err)
		}
	}
	if _, err = later.Prune(t.Context(), layout.PruneOptions{}); !errors.As(err, &stopped) ||
		stopped.Guard != guard.Unread ||
		!strings.Contains(err.Error(), lost.ID) {
		t.Errorf("prune: %v", err)
	}
	if !maps.EqualFunc(was, kv, bytes.Equal) {
		t.Error("something was written or deleted")
	}
	if res, err := later.Rollback(t.Context(), RollbackOptions{To: before.ID}); err != nil || !res.Switched {
		t.Errorf("rollback to the one before it: %+v, %v", res, err)
	}

	// It goes out of the way as all do.
	for i := range 5 {
		if _, err := later.Deploy(t.Context(), textSource(kv, fmt.Sprint("later ", i)), cloud.Worker{},
			plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	latest := shopLater(t, kv, 200*time.Hour)
	if pruned, err := latest.Prune(t.Context(), layout.PruneOptions{}); err != nil || pruned.Deleted == 0 {
		t.Errorf("prune: %+v, %v", pruned, err)
	}
	if v, err := latest.Verify(t.Context(), true); err != nil || !v.Whole() || len(v.Deployments) != 5 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	_, err = latest.Rollback(t.Context(), RollbackOptions{To: lost.ID})
	if !errors.As(err, &stopped) || stopped.Guard != guard.Target || !strings.Contains(err.Error(),
		"not retained any more") {
		t.Errorf("rollback to what prune took: %v", err)
	}
}

// The record of what is active has the hundred newest activations. If that does not cover the grace
// period, prune deletes nothing.
func TestProjectPruneKnowsAllThatWasLive(t *testing.T) {
	t.Parallel()
	const grace = 24 * time.Hour
	kv := deployedTwice(t)
	now := 100 * time.Hour // until then one was live, and is in the list no more
	if _, err := shopLater(t, kv, now).Deploy(t.Context(), textSource(kv, "three"), cloud.Worker{},
		plan.Options{}); err != nil {
		t.Fatal(err)
	}
	var at pointer
	if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil {
		t.Fatal(err)
	}
	newest := at.Activations[0]
	list := func(n int) {
		at.Activations = nil
		for i := range n {
			a := newest
			a.ID, a.Time = fmt.Sprint(i), newest.Time.Add(-time.Duration(i)*time.Second)
			at.Activations = append(at.Activations, a)
		}
		kv["project/shop/current"], _ = marshalJSON(at)
	}
	list(project.MaxActivations)
	before := maps.Clone(kv)
	var stopped *guard.Error
	if _, err := shopLater(t, kv, now).Prune(t.Context(), layout.PruneOptions{}); !errors.As(err, &stopped) ||
		stopped.Guard != guard.Unread || stopped.Finding.Case != finding.CasePruneOften {
		t.Errorf("got %v, want the guard %q", err, guard.Unread)
	}
	if !maps.EqualFunc(before, kv, bytes.Equal) {
		t.Error("something was deleted")
	}
	// A shorter list tells all there was, and so does one that reaches back far enough.
	for n, passed := range map[int]time.Duration{project.MaxActivations - 1: now, project.MaxActivations: now + grace} {
		list(n)
		if pruned, err := shopLater(t, kv, passed).Prune(t.Context(), layout.PruneOptions{DryRun: true}); err != nil ||
			pruned.Deleted == 0 {
			t.Errorf("%d activations: %+v, %v", n, pruned, err)
		}
	}
}

// busy is a KV that counts how many versions are read in total and at the same time.
type busy struct {
	memoryKV
	versions       map[string]bool
	now, most, all atomic.Int64
}

func (b *busy) Store(string) cloud.Store { return b }

func (b *busy) Get(ctx context.Context, key string) ([]byte, error) {
	if b.versions[key] {
		b.all.Add(1)
		now := b.now.Add(1)
		defer b.now.Add(-1)
		for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
		}
		time.Sleep(5 * time.Millisecond) // in the bubble's time: ends when no other read can begin
	}
	return b.memoryKV.Get(ctx, key)
}

// A version holds the code, so it takes up to 12.5 MiB of memory. The number of versions that are
// read at the same time is limited by the memory, and versions that cannot be rolled back to are
// not read.
func TestProjectHistoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, projectHistoryIsBounded)
}

func projectHistoryIsBounded(t *testing.T) {
	const n = 20
	kv := &busy{memoryKV: deployedTimes(t, n), versions: make(map[string]bool)}
	var at pointer
	if err := json.Unmarshal(kv.memoryKV["project/shop/current"], &at); err != nil {
		t.Fatal(err)
	}
	for _, a := range at.Activations {
		kv.versions["project/shop/b/"+a.Version] = true
	}
	for _, c := range []struct {
		passed time.Duration
		reads  int64
		lost   bool
	}{{0, n - 1, false}, {100 * time.Hour, 4, false}, {100 * time.Hour, 4, true}} { // the live one is at hand
		if c.lost {
			delete(kv.memoryKV, "project/shop/b/"+at.Activations[1].Version)
		}
		kv.all.Store(0)
		past, err := shopLater(t, kv, c.passed).History(t.Context())
		if err != nil || len(past) != n {
			t.Fatalf("%d deployments, %v", len(past), err)
		}
		if all := kv.all.Load(); all != c.reads {
			t.Errorf("%+v: %d versions are read", c, all)
		}
		for i, d := range past {
			if d.ID == "" || d.Record == nil || d.Record.Deployment != d.ID || d.Missing != (c.lost && i == 1) ||
				d.Retained != (int64(i) <= c.reads) {
				t.Errorf("%+v: number %d is %+v", c, i, d)
			}
		}
	}
	if most := kv.most.Load(); most != 64/25 {
		t.Errorf("%d versions are read at once, and there is memory for %d", most, 64/25)
	}
}
