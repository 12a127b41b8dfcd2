package daemon_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/platform"
)

// held returns a daemon whose site was rolled back from commit.
func held(t *testing.T) (r *testDaemon, o *origin, commit string) {
	t.Helper()
	o = newOrigin(t)
	r, _ = startLive(t, o)
	commit = r.deploy(o, nil)
	r.rollBack(r.history("blog")[1].ID)
	r.awaitPhase(daemon.PhaseHeld)
	return r, o, commit
}

// A release is not lost when the remote is down.
func TestReleaseSurvivesFailedFetch(t *testing.T) {
	t.Parallel()
	r, o, commit := held(t)
	o.down()
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitPhase(daemon.PhaseRetry)
	o.up()
	s := r.awaitLive(commit)
	if s.Runs[0].Actor != "grace" {
		t.Errorf("the actor is %q", s.Runs[0].Actor)
	}
}

// A release is not lost when the account cannot be reached.
func TestReleaseSurvivesUnreachableAccount(t *testing.T) {
	t.Parallel()
	r, _, commit := held(t)
	r.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
	})
	runs := len(r.runs("blog"))
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.await("blog", "failed run", func(s daemon.Status) bool {
		return len(r.runs("blog")) > runs && s.Phase == daemon.PhaseRetry
	})
	r.p.Server.SetFault(nil)
	r.awaitLive(commit)
}

// A release is not lost when only the first request to the account fails.
func TestReleaseSurvivesOneFailedRequest(t *testing.T) {
	t.Parallel()
	r, _, commit := held(t)
	var asked atomic.Int32
	r.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		if asked.Add(1) == 1 {
			return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
		}
		return platform.Fault{}
	})
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(commit)
}

// A push while the site waits for a slot is deployed, also if the fetch fails when
// the slot is free.
func TestPushWhileWaitingForASlot(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	slowConf, hang := slowSite(t, slow)
	touch(t, hang)
	r := newTestDaemon(t, noPoll+slowConf+siteOf(o))
	o.down()
	r.start()
	r.await("slow", "build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	o.up()
	r.poll("push")
	r.await("blog", "wait for a slot", func(s daemon.Status) bool { return s.Head == one && s.Phase == daemon.PhaseIdle })
	two := o.push(nil)
	r.poll("push")
	o.down()
	remove(t, hang)
	r.await("blog", "deploy of the first fetch", func(s daemon.Status) bool { return s.Live == one })
	o.up()
	r.awaitLive(two)
}

// A release while the site waits for a slot applies to the deploy in that slot.
func TestReleaseWhileWaitingForASlot(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	slowConf, hang := slowSite(t, slow)
	r := start(t, noPoll+slowConf+siteOf(o))
	r.awaitLive(one)
	two := r.deploy(o, nil)
	r.rollBack(r.history("blog")[1].ID)
	touch(t, hang)
	slow.push(nil)
	if err := r.Poll("slow", "push"); err != nil {
		t.Fatal(err)
	}
	r.await("slow", "build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	r.poll("grace")
	r.awaitPhase(daemon.PhaseIdle)
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	remove(t, hang)
	r.awaitLive(two)
	for _, run := range r.runs("blog") {
		if run.Outcome == daemon.OutcomeHeld {
			t.Errorf("held before the release: %+v", run)
		}
	}
}

// A rollback is dropped if its caller stops waiting before it starts.
func TestAbandonedRollback(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, noPoll+siteOf(o))
	r.deploy(o, nil)
	target := r.history("blog")[0].ID
	r.deploy(o, nil)

	reached, resume := r.blockUpload()
	three := o.push(nil)
	r.poll("push")
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- r.Rollback(ctx, "blog", target, "grace") }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	resume()
	r.awaitLive(three)
	r.pollAgain()
	if past := r.history("blog"); past[0].Commit != three || past[0].Rollback {
		t.Errorf("%+v", past[0])
	}
}

// The daemon's environment does not configure its sites.
func TestEnvironmentDoesNotConfigureSites(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"other/a.html": "a", "other/b.html": "b"})
	r := newTestDaemon(t, noPoll+siteOf(o))
	r.env = append(r.env, "KV_SYNC_DIR=other", "KV_SYNC_SOURCE=folder", "KV_SYNC_LAYOUT=kv-assets",
		"KV_SYNC_PROJECT=tides", "CLOUDFLARE_ENV=staging")
	r.start()
	s := r.awaitLive(one)
	if past := r.history("blog"); s.Runs[0].Added != 1 || len(past) != 1 || past[0].Commit != one {
		t.Errorf("%+v, %+v", s.Runs[0], past)
	}
}
