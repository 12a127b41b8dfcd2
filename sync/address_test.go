package kvsync_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

const setSubdomain = "workers.script-subdomain.set"

// If a run ends between the script and its address, the next run on this machine enables the
// address, with or without a change. Later runs need no request for it.
func TestAddressOfAnInterruptedFirstDeployment(t *testing.T) {
	h := history(one, two)
	for name, again := range map[string]*memory{"no change": h[0], "a change": h[1]} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.config.Cache = &cache{}
			w.fault(setSubdomain, platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden})
			if res := w.mustDeploy(h[0]); !mention(res, "could not be switched on") {
				t.Errorf("it says %q", res.Notices)
			}
			w.p.Server.SetFault(nil)
			var res *kvsync.Result
			if got := w.counted(func() { res = w.mustDeploy(again) }); !slices.Contains(got, setSubdomain) ||
				!mention(res, "interrupted") {
				t.Errorf("running again sent %v, says %q", got, res.Notices)
			}
			if got := w.counted(func() { res = w.mustDeploy(again) }); len(got) != 2 || len(res.Notices) > 0 {
				t.Errorf("the third run sent %v, says %q", got, res.Notices)
			}
		})
	}
}

func mention(res *kvsync.Result, text string) bool {
	return slices.ContainsFunc(res.Notices, func(n manifest.Problem) bool { return strings.Contains(n.Reason, text) })
}

// If an address was on and its owner switched it off, no later run switches it on again.
func TestAddressIsSwitchedOnOnce(t *testing.T) {
	w := start(t)
	w.config.Cache = &cache{}
	h := history(one, two)
	got := w.counted(func() { w.mustDeploy(h[0]); w.mustDeploy(h[0]); w.mustDeploy(h[1]) })
	if n := len(slices.DeleteFunc(got, func(kind string) bool { return kind != setSubdomain })); n != 1 {
		t.Errorf("it was switched on %d times", n)
	}
	// The note of a site of that name in another account does not count either.
	other := start(t)
	other.config.Cache = w.config.Cache
	other.fault(setSubdomain, platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden})
	other.mustDeploy(h[0])
	if got := w.counted(func() { w.mustDeploy(h[1]) }); len(got) != 2 {
		t.Errorf("it sent %v", got)
	}
}

// The note of an interrupted run is not used for a site of the same name that was deployed for the
// first time in another account in between.
func TestAddressOfAnotherAccount(t *testing.T) {
	mine, other := start(t), start(t)
	mine.config.Cache, mine.config.AccountID, other.config.AccountID = &cache{}, "mine", "other"
	other.config.Cache = mine.config.Cache
	h := history(one, two)
	mine.fault(setSubdomain, platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden})
	mine.mustDeploy(h[0])
	mine.p.Server.SetFault(nil)
	other.mustDeploy(h[0])
	if got := mine.counted(func() { mine.mustDeploy(h[1]) }); !slices.Contains(got, setSubdomain) {
		t.Errorf("running again sent %v", got)
	}
}

// After Ctrl-C with the script already live, the run still enables the address.
func TestAddressThoughInterrupted(t *testing.T) {
	w := start(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w.during(setSubdomain, interrupt)
	res, err := w.engine().Deploy(ctx, history(one)[0], script, plan.Options{})
	if err != nil || len(res.Notices) > 0 {
		t.Errorf("%+v, %v", res, err)
	}
	w.wantSite(one)
}
