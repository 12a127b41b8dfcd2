package daemon_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/daemon"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A rollback holds what it left back, also over a new start, until somebody
// pushes or releases it.
func TestRollbackHolds(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	target := r.past("blog")[1]
	if err := r.Rollback(t.Context(), "blog", target.ID, "grace"); err != nil {
		t.Fatal(err)
	}
	s, _ := r.Status("blog")
	if s.Phase != daemon.PhaseHeld || s.Live != one || s.Head != two || !strings.Contains(s.Problem, "grace") ||
		s.Runs[0].Outcome != daemon.OutcomeRolledBack || s.Runs[0].Actor != "grace" || s.Runs[0].Commit != one || s.Runs[0].Subject != "change 1" {
		t.Fatalf("%+v", s)
	}
	if past := r.past("blog"); past[0].Commit != one || !past[0].Rollback || past[0].Hold != two {
		t.Fatalf("%+v", past[0])
	}
	r.settled()
	if n := len(r.seen.of("blog")); n != 3 {
		t.Errorf("a look at a branch that did not move made a run: %+v", r.seen.of("blog"))
	}

	// A new daemon tries, for it may be that somebody released it elsewhere.
	r.stop()
	r.start()
	s = r.awaitPhase(daemon.PhaseHeld)
	if !strings.Contains(s.Problem, "release it") || s.Runs[0].Outcome != daemon.OutcomeHeld || r.past("blog")[0].Commit != one {
		t.Errorf("%+v", s)
	}
	r.look("grace") // a person asks: it is held all the same
	r.await("blog", "another try", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 2 && s.Phase == daemon.PhaseHeld })

	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(two)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	three := o.push(nil)
	r.look("push")
	r.awaitLive(three)
}

func TestRollbackThatIsRefused(t *testing.T) {
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	err := r.Rollback(t.Context(), "blog", "20200101-000000-00000000", "grace")
	if err == nil || strings.Contains(err.Error(), "--to") {
		t.Errorf("got %v", err)
	}
	if s, _ := r.Status("blog"); s.Phase != daemon.PhaseIdle || s.Live != one || s.Runs[0].Outcome != daemon.OutcomeRefused {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{r.Rollback(t.Context(), "none", "", ""), r.Look("none", ""), r.Release("none", "")} {
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

// elsewhere rolls the site back as somebody does who does not ask the daemon.
func (r *rig) elsewhere(deployment string) {
	r.t.Helper()
	site, err := app.Open(r.t.Context(), app.Inputs{
		Root: r.t.TempDir(), Name: "blog", Token: r.p.Token, AccountID: r.p.AccountID, BaseURL: r.p.BaseURL, CacheDir: r.t.TempDir(), DeployedOnly: true,
		Getenv: func(string) string { return "" },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer site.Close()
	if _, err := site.Rollback(r.t.Context(), kvsync.RollbackOptions{To: deployment}); err != nil {
		r.t.Fatal(err)
	}
}

// A release is of the rollback that was there when somebody asked for it. It is
// not forgotten while the remote is down, nor by a new start, and does not undo a
// rollback that comes later.
func TestReleaseIsOfOneRollback(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	first, second := r.past("blog")[1].ID, r.past("blog")[0].ID

	down := func(is bool) {
		t.Helper()
		from, to := o.bare, o.bare+".gone"
		if !is {
			from, to = to, from
		}
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	release := func() {
		t.Helper()
		n := r.seen.fetched("blog")
		if err := r.Release("blog", "grace"); err != nil {
			t.Fatal(err)
		}
		r.await("blog", "a fetch that fails", func(s daemon.Status) bool { return s.Phase == daemon.PhaseRetry && r.seen.fetched("blog") > n })
	}
	down(true)
	release() // of nothing
	r.elsewhere(first)
	down(false)
	r.look("grace")
	if s := r.awaitPhase(daemon.PhaseHeld); r.past("blog")[0].Commit != one {
		t.Errorf("a release of nothing undid the next rollback: %+v", s)
	}

	down(true)
	release()
	r.stop()
	r.start()
	down(false)
	r.await("blog", "what was released", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 1 && s.Phase == daemon.PhaseIdle })
	if r.past("blog")[0].Commit != two {
		t.Error("a release was forgotten")
	}

	r.elsewhere(first)
	r.look("grace")
	if r.awaitPhase(daemon.PhaseHeld); r.past("blog")[0].Commit != one {
		t.Error("a release that was granted undid the next rollback")
	}
	down(true)
	release() // of this one
	r.elsewhere(second)
	r.elsewhere(first) // this is another
	down(false)
	r.look("grace")
	if r.awaitPhase(daemon.PhaseHeld); r.past("blog")[0].Commit != one {
		t.Error("a release undid a later rollback")
	}
	down(true)
	release()
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	down(false)
	r.look("grace")
	r.await("blog", "what the rollback made live", func(s daemon.Status) bool { return s.Phase == daemon.PhaseIdle && r.past("blog")[0].Commit == two })
}
