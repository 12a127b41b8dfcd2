package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/platform"
)

// Two daemons do not share a state folder.
func TestTwoDaemons(t *testing.T) {
	r := start(t, quiet+siteOf(newOrigin(t)))
	if _, err := r.open(); !errors.Is(err, daemon.ErrRunning) || !strings.Contains(err.Error(), r.state) {
		t.Errorf("got %v", err)
	}
	r.stop()
	d, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// State that cannot be read is put aside, and nothing is lost by that: not a push,
// and not the hold of a rollback. State of a site that is not configured stays.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	two := o.push(nil)
	r.look("push")
	r.awaitLive(two)
	if err := r.Rollback(t.Context(), "blog", r.past("blog")[1].ID, "grace"); err != nil {
		t.Fatal(err)
	}
	r.stop()
	site := filepath.Join(r.state, "sites", "blog")
	for i, damage := range []string{"", "{", `{"format":99}`, `{"format":1,"runs":7}`, "\x00\x00\x00"} {
		fill(t, r.state, map[string]string{"sites/gone/state.json": "mine", "deliveries": "\x00 no line\n"})
		fill(t, site, map[string]string{"state.json": damage})
		r.start()
		s := r.awaitPhase(daemon.PhaseHeld)
		if len(s.Runs) != 1 || s.Head != two || !strings.Contains(r.log.String(), "put aside") {
			t.Errorf("%+v", s)
		}
		if aside, _ := filepath.Glob(filepath.Join(site, "state.json.damaged-*")); len(aside) != i+1 {
			t.Errorf("put aside are %v", aside)
		}
		r.stop()
	}
	if b, err := os.ReadFile(filepath.Join(r.state, "sites/gone/state.json")); err != nil || string(b) != "mine" {
		t.Errorf("the state of another site is %q, %v", b, err)
	}
}

// A start at which nothing changed asks the account nothing; one with other
// settings of the site deploys by them.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"other/index.html": "other"})
	r := start(t, quiet+siteOf(o, `dir = "public"`))
	r.awaitLive(one)
	r.stop()
	r.p.Server.ResetRequests()
	r.start()
	r.await("blog", "a fetch", func(s daemon.Status) bool { return r.seen.fetched("blog") == 1 && s.Phase == daemon.PhaseIdle })
	if n := len(r.p.Server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	r.stop()
	r.conf = quiet + siteOf(o, `dir = "other"`)
	r.start()
	r.await("blog", "a run", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 1 && s.Phase == daemon.PhaseIdle })
	if past := r.past("blog"); len(past) != 2 {
		t.Errorf("%+v", past)
	}
}

// A daemon that is stopped in the middle of a deploy says so, and the next one
// finishes it.
func TestStop(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, quiet+siteOf(o))
	r.awaitPhase(daemon.PhaseRetry)
	one := o.push(nil)
	r.look("push")
	r.awaitLive(one)
	reached := make(chan struct{})
	var once sync.Once
	r.p.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Kind != "kv.bulk.put" {
			return platform.Fault{}
		}
		once.Do(func() { close(reached) })
		return platform.Fault{Kind: platform.FaultHang}
	})
	two := o.push(nil)
	r.look("push")
	<-reached
	r.stopsAtOnce()
	r.p.Server.SetFault(nil)
	r.start()
	s := r.awaitLive(two)
	if s.Runs[1].Outcome != daemon.OutcomeInterrupted || s.Runs[1].Commit != two || s.Runs[0].Outcome != daemon.OutcomeDeployed {
		t.Errorf("%+v", s.Runs)
	}
}
