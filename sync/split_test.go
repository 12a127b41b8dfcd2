package kvsync_test

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// What is deployed over a split is compared to the larger share.
func TestSplitIsComparedToTheLargerShare(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	a := w.mustDeploy(h[0])
	b := w.mustDeploy(h[1])
	for _, larger := range []*kvsync.Result{a, b} {
		split := []cloud.Share{{Version: a.Version, Percent: 40}, {Version: b.Version, Percent: 60}}
		if larger == a {
			split[0].Percent, split[1].Percent = 60, 40
		}
		if err := w.workers().Activate(t.Context(), split, "split", true); err != nil {
			t.Fatal(err)
		}
		if p, err := w.engine().Plan(t.Context(), h[2], script, plan.Options{}); err != nil || p.Live != larger.Deployment {
			t.Errorf("%+v, %v; want it compared to %s", p, err, larger.Deployment)
		}
	}
}

// Promise 8: a switch whose answer was lost is not done where somebody has split
// the traffic at the same moment, whatever share its version has.
func TestSplitAtTheSwitchIsNotOurs(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	a, b := w.mustDeploy(h[0]), w.mustDeploy(h[1])
	w.config.Account = w.connect(1)
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind != "workers.deployments.create" {
			return platform.Fault{}
		}
		w.p.Server.SetFault(nil)
		split := []cloud.Share{{Version: a.Version, Percent: 60}, {Version: b.Version, Percent: 40}}
		if err := w.connect(0).Workers("blog").Activate(t.Context(), split, "split", true); err != nil {
			t.Error(err)
		}
		return platform.Fault{Kind: platform.FaultDrop}
	})
	_, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
	wantGuard(t, err, guard.Overtaken)
}
