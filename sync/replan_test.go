package kvsync_test

import (
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// A key is written once. A plan that is made again therefore has a new id, and the record of the
// first one stays unchanged.
func TestNewPlanHasKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() {
		w.pass(settled)
		w.rival().mustDeploy(h[1])
	})
	w.mustDeploy(h[2])
	w.wantSite(three)
	if records := w.keys("blog/d/"); len(records) != 4 {
		t.Errorf("records are %v, want those of two commits, and of two plans of the third", records)
	}
}

// Promise 3: what KV refused to store does not go live.
func TestRefusedUploadSwitchesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.fault("kv.bulk.put", platform.Fault{Kind: platform.FaultStatus, Status: 403})
	if res, err := w.deploy(h[1], plan.Options{}); err == nil {
		t.Errorf("it was deployed: %+v", res)
	}
	w.p.Server.SetFault(nil)
	w.wantSite(one)
	if acts, err := w.workers().Activations(t.Context()); err != nil || len(acts) != 1 {
		t.Errorf("%d activations, %v", len(acts), err)
	}
}

// A configuration without the migration that is already applied is refused, because it would apply
// all of its migrations again.
func TestMigrationsKeepTheAppliedOne(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	if _, err := w.engine().Deploy(t.Context(), h[0], durable(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	lost := durable()
	lost.Modules = slices.Clone(lost.Modules)
	lost.Modules[0].Content = []byte("export class Hall {}; export class Room {}; export default { fetch() { return " +
		"new Response('ok') } }")
	lost.Migrations = []cloud.Migration{{Tag: "v2", Step: []byte(`{"new_sqlite_classes":["Hall"]}`)}}
	_, err := w.engine().Deploy(t.Context(), h[1], lost, plan.Options{})
	wantFound(t, err, finding.CaseMigrations)
	w.wantSite(one)
	kept := lost
	kept.Migrations = slices.Concat(durable().Migrations, lost.Migrations)
	if _, err := w.engine().Deploy(t.Context(), h[1], kept, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(two)
}

// The API takes 10,000 keys in a bulk delete, whatever cap is configured.
func TestPruneCapIsOneBulkDelete(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.PruneCap = 10 * cloud.MaxBulkPairs
	if got := w.engine().Client().PruneCap; got != cloud.MaxBulkPairs {
		t.Errorf("one prune deletes %d keys", got)
	}
}
