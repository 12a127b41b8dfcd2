package daemon_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/daemon"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A rollback holds the newer commit back, also after a restart, until a push or a
// release.
func TestRollbackHolds(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	two := r.deploy(o, nil)
	target := r.history("blog")[1]
	r.rollBack(target.ID)
	s, _ := r.Status("blog")
	if s.Phase != daemon.PhaseHeld || s.Live != one || s.Head != two || !strings.Contains(s.Problem, "grace") ||
		s.Runs[0].Outcome != daemon.OutcomeRolledBack || s.Runs[0].Actor != "grace" || s.Runs[0].Commit != one ||
		s.Runs[0].Subject != "change 1" {
		t.Fatalf("%+v", s)
	}
	if past := r.history("blog"); past[0].Commit != one || !past[0].Rollback || past[0].Hold != two ||
		past[0].RolledBackBy != "grace" {
		t.Fatalf("%+v", past[0])
	}
	r.pollAgain()
	if n := len(r.runs("blog")); n != 3 {
		t.Errorf("a poll of an unchanged branch made a run: %+v", r.runs("blog"))
	}

	// After a restart the commit is tried again, because it may have been released elsewhere.
	r.stop()
	r.start()
	s = r.awaitPhase(daemon.PhaseHeld)
	if !strings.Contains(s.Problem, "release it") || s.Runs[0].Outcome != daemon.OutcomeHeld ||
		r.history("blog")[0].Commit != one {
		t.Errorf("%+v", s)
	}
	r.poll("grace") // a request does not end the hold
	r.await("blog", "another attempt", func(s daemon.Status) bool {
		return len(r.runs("blog")) == 2 &&
			s.Phase == daemon.PhaseHeld
	})

	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(two)
	r.rollBack(r.history("blog")[1].ID)
	r.deploy(o, nil)
}

func TestRefusedRollback(t *testing.T) {
	o := newOrigin(t)
	r, one := startLive(t, o)
	err := r.Rollback(t.Context(), "blog", "20200101-000000-00000000", "grace")
	if err == nil || strings.Contains(err.Error(), "--to") {
		t.Errorf("got %v", err)
	}
	if s, _ := r.Status("blog"); s.Phase != daemon.PhaseIdle || s.Live != one ||
		s.Runs[0].Outcome != daemon.OutcomeRefused {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{r.Rollback(t.Context(), "none", "", ""), r.Poll("none", ""), r.Release("none", "")} {
		if !errors.Is(err, daemon.ErrNoSite) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Rollback(ctx, "blog", "", "grace"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.stop()
	if err := r.Rollback(t.Context(), "blog", "", "grace"); !errors.Is(err, daemon.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// rollBackElsewhere rolls the site back without the daemon.
func (td *testDaemon) rollBackElsewhere(deployment string) {
	td.t.Helper()
	site, err := app.Open(td.t.Context(), app.Inputs{
		Root: td.t.TempDir(), Name: "blog", Token: td.p.Token, AccountID: td.p.AccountID, BaseURL: td.p.BaseURL,
		CacheDir: td.t.TempDir(), DeployedOnly: true,
		Getenv: func(string) string { return "" },
	})
	if err != nil {
		td.t.Fatal(err)
	}
	defer site.Close()
	if _, err := site.Rollback(td.t.Context(), kvsync.RollbackOptions{To: deployment}); err != nil {
		td.t.Fatal(err)
	}
}

// A release applies to the rollback that was live when it was requested. It survives
// an unreachable remote and a restart, and does not undo a later rollback.
func TestReleaseIsOfOneRollback(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	two := r.deploy(o, nil)
	first, second := r.history("blog")[1].ID, r.history("blog")[0].ID

	release := func() {
		t.Helper()
		n := r.fetches("blog")
		if err := r.Release("blog", "grace"); err != nil {
			t.Fatal(err)
		}
		r.await("blog", "failed fetch", func(s daemon.Status) bool {
			return s.Phase == daemon.PhaseRetry &&
				r.fetches("blog") > n
		})
	}
	o.down()
	release() // no rollback is live
	r.rollBackElsewhere(first)
	o.up()
	r.poll("grace")
	if s := r.awaitPhase(daemon.PhaseHeld); r.history("blog")[0].Commit != one {
		t.Errorf("a release without a rollback undid the next rollback: %+v", s)
	}

	o.down()
	release()
	r.stop()
	r.start()
	o.up()
	r.await("blog", "released commit", func(s daemon.Status) bool {
		return len(r.runs("blog")) == 1 &&
			s.Phase == daemon.PhaseIdle
	})
	if r.history("blog")[0].Commit != two {
		t.Error("the release was lost")
	}

	r.rollBackElsewhere(first)
	r.poll("grace")
	if r.awaitPhase(daemon.PhaseHeld); r.history("blog")[0].Commit != one {
		t.Error("a used release undid the next rollback")
	}
	o.down()
	release() // of this rollback
	r.rollBackElsewhere(second)
	r.rollBackElsewhere(first) // this is a new one
	o.up()
	r.poll("grace")
	if r.awaitPhase(daemon.PhaseHeld); r.history("blog")[0].Commit != one {
		t.Error("a release undid a later rollback")
	}
	o.down()
	release()
	r.rollBack(r.history("blog")[1].ID)
	o.up()
	r.poll("grace")
	r.await("blog", "result of the rollback", func(s daemon.Status) bool {
		return s.Phase == daemon.PhaseIdle &&
			r.history("blog")[0].Commit == two
	})
}
