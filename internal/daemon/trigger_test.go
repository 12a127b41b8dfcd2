package daemon_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/platform"
)

// down takes an origin away, and up brings it back.
func (o *origin) down() { o.move(o.bare, o.bare+".gone") }
func (o *origin) up()   { o.move(o.bare+".gone", o.bare) }

func (o *origin) move(from, to string) {
	o.t.Helper()
	if err := os.Rename(from, to); err != nil {
		o.t.Fatal(err)
	}
}

// held is a daemon whose site was rolled back from the commit that it returns.
func held(t *testing.T) (r *rig, o *origin, commit string) {
	t.Helper()
	o = newOrigin(t)
	one := o.push(nil)
	r = start(t, quiet+siteOf(o))
	r.awaitLive(one)
	commit = o.push(nil)
	r.look("push")
	r.awaitLive(commit)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	r.awaitPhase(daemon.PhaseHeld)
	return r, o, commit
}

// Whoever released a commit need not ask again because the remote was down.
func TestReleaseSurvivesAFetchThatFails(t *testing.T) {
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
		t.Errorf("it was done for %q", s.Runs[0].Actor)
	}
}

// Nor because the account could not be reached.
func TestReleaseSurvivesAnAccountThatIsAway(t *testing.T) {
	t.Parallel()
	r, _, commit := held(t)
	r.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		return platform.Fault{Kind: platform.FaultStatus, Status: http.StatusForbidden}
	})
	runs := len(r.seen.of("blog"))
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	r.await("blog", "a run that fails", func(s daemon.Status) bool { return len(r.seen.of("blog")) > runs && s.Phase == daemon.PhaseRetry })
	r.p.Server.SetFault(nil)
	r.awaitLive(commit)
}

// Also where it was reached again a moment later, and said that the commit is held.
func TestReleaseSurvivesOneAnswerThatIsMissing(t *testing.T) {
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

// What is pushed while the site waits for its turn is deployed, also if it cannot
// be fetched when that comes.
func TestPushWhileWaitingForAPlace(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	hang := filepath.Join(t.TempDir(), "hang")
	fill(t, filepath.Dir(hang), map[string]string{"hang": ""})
	r := newRig(t, quiet+"parallel = 1\n[[site]]\nname = \"slow\"\nremote = \""+slow.bare+"\"\nbuild = \"while test -e "+hang+"; do sleep 0.02; done\"\n"+siteOf(o))
	o.down()
	r.start()
	r.await("slow", "its build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	o.up()
	r.look("push")
	r.await("blog", "its turn", func(s daemon.Status) bool { return s.Head == one && s.Phase == daemon.PhaseIdle })
	two := o.push(nil)
	r.look("push")
	o.down()
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	r.await("blog", "what was fetched", func(s daemon.Status) bool { return s.Live == one })
	o.up()
	r.awaitLive(two)
}

// A release that is asked for while the site waits for its turn is of that turn.
func TestReleaseWhileWaitingForAPlace(t *testing.T) {
	t.Parallel()
	o, slow := newOrigin(t), newOrigin(t)
	one := o.push(nil)
	slow.push(nil)
	hang := filepath.Join(t.TempDir(), "hang")
	r := start(t, quiet+"parallel = 1\n[[site]]\nname = \"slow\"\nremote = \""+slow.bare+"\"\nbuild = \"while test -e "+hang+"; do sleep 0.02; done\"\n"+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Dir(hang), map[string]string{"hang": ""})
	slow.push(nil)
	if err := r.Look("slow", "push"); err != nil {
		t.Fatal(err)
	}
	r.await("slow", "its build", func(s daemon.Status) bool { return s.Phase == daemon.PhaseBuild })
	r.look("grace")
	r.awaitPhase(daemon.PhaseIdle)
	if err := r.Release("blog", "grace"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	r.awaitLive(two)
	for _, run := range r.seen.of("blog") {
		if run.Outcome == daemon.OutcomeHeld {
			t.Errorf("it was held first: %+v", run)
		}
	}
}

// A rollback is not done when whoever asked for it has gone.
func TestRollbackThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, quiet+siteOf(o))
	one := o.push(nil)
	r.look("push")
	r.awaitLive(one)
	target := r.past("blog")[0].ID
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)

	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.p.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Kind == "kv.bulk.put" {
			once.Do(func() { close(reached); <-goOn })
		}
		return platform.Fault{}
	})
	three := o.push(nil)
	r.look("push")
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- r.Rollback(ctx, "blog", target, "grace") }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(goOn)
	r.awaitLive(three)
	r.settled()
	if past := r.past("blog"); past[0].Commit != three || past[0].Rollback {
		t.Errorf("%+v", past[0])
	}
}

// What is set for the daemon's process is not meant for its sites: only their own
// settings and their repositories say what is published.
func TestEnvironmentDoesNotConfigureSites(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"other/a.html": "a", "other/b.html": "b"})
	r := newRig(t, quiet+siteOf(o))
	r.env = append(r.env, "KV_SYNC_DIR=other", "KV_SYNC_SOURCE=folder", "KV_SYNC_LAYOUT=kv-assets", "KV_SYNC_PROJECT=tides", "CLOUDFLARE_ENV=staging")
	r.start()
	s := r.awaitLive(one)
	if past := r.past("blog"); s.Runs[0].Added != 1 || len(past) != 1 || past[0].Commit != one {
		t.Errorf("%+v, %+v", s.Runs[0], past)
	}
}
