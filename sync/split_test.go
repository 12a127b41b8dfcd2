package kvsync_test

import (
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// A deploy over a split is compared with the version that has the larger share.
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

// Promise 8: a switch without an answer does not count as done if somebody split the traffic at the
// same time, whatever the share of its version.
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

// A rollback while another version gets some of the traffic ends that trial: the deployment that
// had all the traffic gets it again, and the commit of the trial is held back.
func TestRollbackOfATrial(t *testing.T) {
	t.Parallel()
	for name, shares := range map[string][]float64{"few": {10}, "more and more": {10, 50, 90}} {
		for _, named := range []bool{false, true} {
			w := start(t)
			h := history(one, two, three, one)
			w.mustDeploy(h[0])
			b, c := w.mustDeploy(h[1]), w.mustDeploy(h[2])
			w.activateVersion(b.Version, "")
			w.tries(c.Version, b.Version, shares...)
			to := kvsync.RollbackOptions{}
			if named {
				to.To = b.Deployment
			}
			if res := w.mustRollback(to); !res.Switched || res.Version != b.Version || res.PreviousVersion != c.Version ||
				res.Hold != h[2].commit {
				t.Errorf("%s, named %v: %+v; want it from %s to %s, and %s held back", name, named, res, c.Version,
					b.Version, h[2].commit)
			}
			w.wantSite(two)
			_, err := w.deploy(h[2], plan.Options{})
			wantGuard(t, err, guard.Held)
			w.mustDeploy(h[3])
		}
	}
}

// The end of another tool's trial does not change what is held back.
func TestRollbackOfAForeignTrial(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		w := start(t)
		h := history(one, two, three)
		w.mustDeploy(h[0])
		b, want := w.mustDeploy(h[1]), ""
		if held {
			w.mustDeploy(h[2])
			want = w.mustRollback(kvsync.RollbackOptions{}).Hold
		}
		id, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
		if err != nil {
			t.Fatal(err)
		}
		w.tries(id, b.Version, 20)
		if res := w.mustRollback(kvsync.RollbackOptions{}); !res.Switched || res.Version != b.Version ||
			res.PreviousVersion != id || res.PreviousDeployment != "" || res.Hold != want {
			t.Errorf("held %v: %+v; want it from %s to %s, and %q held back", held, res, id, b.Version, want)
		}
		w.wantSite(two)
	}
}

func (w *world) mustRollback(opt kvsync.RollbackOptions) *kvsync.Result {
	w.t.Helper()
	res, err := w.engine().Rollback(w.t.Context(), opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// A plan says what another tool did since the last deployment of kv-sync. It does not mention a
// changed secret.
func TestPlanNamesWhatAnotherToolDid(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two, three)
	a, b := w.mustDeploy(h[0]), w.mustDeploy(h[1])
	whole := func(version string) []cloud.Share { return []cloud.Share{{Version: version, Percent: 100}} }
	for _, test := range []struct {
		does []cloud.Share
		want finding.Case
		live string
	}{
		{whole(b.Version), "", ""},
		{whole(a.Version), finding.CaseMoved, a.Deployment},
		{[]cloud.Share{{Version: a.Version, Percent: 90}, {Version: b.Version, Percent: 10}}, finding.CaseSplit,
			a.Deployment},
	} {
		if err := w.workers().Activate(t.Context(), test.does, "", true); err != nil {
			t.Fatal(err)
		}
		for _, src := range []*memory{h[1], h[2]} {
			p, err := w.engine().Plan(t.Context(), src, script, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := []manifest.Problem{}
			if test.want != "" {
				want = append(want, manifest.ProblemOf("", test.want, finding.Facts{Deployment: test.live, Than: b.Deployment}))
			}
			if fmt.Sprint(p.Notices) != fmt.Sprint(want) {
				t.Errorf("%+v: notices %v, want %v", test.does, p.Notices, want)
			}
		}
		list, err := w.engine().History(t.Context())
		if err != nil || !list[0].OtherTool || list[len(list)-1].OtherTool {
			t.Errorf("%+v: %+v, %v; want the first made live by another tool and not the last", test.does, list, err)
		}
	}
	w.mustDeploy(h[2])
	if p, err := w.engine().Plan(t.Context(), h[2], script, plan.Options{}); err != nil || len(p.Notices) != 0 {
		t.Errorf("after a deploy: %+v, %v", p, err)
	}
}

// tries gives a version an increasing share of the traffic of another one, as another tool does.
func (w *world) tries(version, other string, shares ...float64) {
	w.t.Helper()
	for _, percent := range shares {
		split := []cloud.Share{{Version: version, Percent: percent}, {Version: other, Percent: 100 - percent}}
		if err := w.workers().Activate(w.t.Context(), split, "", true); err != nil {
			w.t.Fatal(err)
		}
	}
}
