package kvsync_test

import (
	"context"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// durable is a Worker with a migration to apply. A script upload makes it live.
func durable() cloud.Worker {
	w := script
	w.Modules = []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export class Room {}; export default { fetch() { return new Response('ok') } }")}}
	w.Migrations = []cloud.Migration{{Tag: "v1", Step: []byte(`{"new_sqlite_classes":["Room"]}`)}}
	return w
}

// Promise 5: if several others switch at the same time, the last one of them is restored, not one
// that it had replaced.
func TestOfSeveralRivalsTheNewestComesBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, files{"/index.html": "outdated", "/about.html": "about"}, three)
	w.mustDeploy(h[0])
	w.during("workers.deployments.create", func() {
		w.rival().mustDeploy(h[2])
		w.rival().mustDeploy(h[3])
	})
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(three)
}

// Promise 5: another activation cannot undo a script upload with a migration, so the run checks
// what is active directly before it.
func TestMigrationLooksFirst(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.during("kv.bulk.put", func() { w.rival().mustDeploy(h[2]) })
	_, err := w.engine().Deploy(t.Context(), h[1], durable(), plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(three)
	if acts, err := w.workers().Activations(t.Context()); err != nil || len(acts) != 2 {
		t.Errorf("%d activations, %v; want those of the first commit and the third", len(acts), err)
	}
}

// A version from before a migration is not activated over its Durable Objects, whoever switched to
// it in between.
func TestMigrationIsNotUndone(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.during("workers.scripts.put", func() { w.rival().mustDeploy(h[1]) })
	if _, err := w.engine().Deploy(t.Context(), h[2], durable(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(three)
	acts, err := w.workers().Activations(t.Context())
	if err != nil || len(acts) != 3 {
		t.Errorf("%d activations, %v; want one of each commit", len(acts), err)
	}
}

// Promise 8: the outcome of a switch is determined even if the run is cancelled.
func TestSwitchThoughInterrupted(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.config.Account = w.connect(1)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind != "workers.deployments.create" {
			return platform.Fault{}
		}
		interrupt() // before the run asks what is active
		return platform.Fault{Kind: platform.FaultLoseReply}
	})
	res, err := w.engine().Deploy(ctx, h[1], script, plan.Options{})
	if err != nil || !res.Switched {
		t.Errorf("%+v, %v; it is live", res, err)
	}
	w.p.Server.SetFault(nil)
	w.wantSite(two)
}

// Promise 8: a switch that was never carried out does not count as done because somebody else
// switched at the same time.
func TestLostSwitchUnderARival(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.config.Account = w.connect(1)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind != "workers.deployments.create" {
			return platform.Fault{}
		}
		w.p.Server.SetFault(nil)
		w.rival().mustDeploy(h[2])
		return platform.Fault{Kind: platform.FaultDrop}
	})
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Older)
	w.wantSite(three)
}

// A first deployment does not undo another one that followed it immediately.
func TestRivalFollowsAFirstDeployment(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.scripts.put" {
			// The next question is what is active; before it is answered another one deploys.
			w.during("workers.deployments.list", func() { w.rival().mustDeploy(h[1]) })
		}
		return platform.Fault{}
	})
	if _, err := w.deploy(h[0], plan.Options{}); err != nil {
		t.Error(err)
	}
	w.wantSite(two)
}

// A site with the workers.dev address turned off gets none, in the first deployment or later.
func TestOffWorkersDev(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.config.Cache = &cache{}
	w.config.OffWorkersDev = true
	h := history(one, two)
	kinds := w.counted(func() { w.mustDeploy(h[0]); w.mustDeploy(h[0]); w.mustDeploy(h[1]) })
	if slices.Contains(kinds, setSubdomain) || w.live().URL != "" {
		t.Errorf("its address was switched on: %q, %v", w.live().URL, kinds)
	}
}
