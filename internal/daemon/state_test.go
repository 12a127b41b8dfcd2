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

// Two daemons cannot share a state folder.
func TestTwoDaemons(t *testing.T) {
	r := start(t, noPoll+siteOf(newOrigin(t)))
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

// Damaged state is renamed. Neither a push nor a rollback's hold is lost. The state of
// a site that is not configured stays.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, _ := startLive(t, o)
	two := r.deploy(o, nil)
	r.rollBack(r.history("blog")[1].ID)
	r.stop()
	site := filepath.Join(r.state, "sites", "blog")
	for i, damage := range []string{"", "{", `{"format":99}`, `{"format":1,"runs":7}`, "\x00\x00\x00"} {
		fill(t, r.state, map[string]string{"sites/gone/state.json": "mine", "deliveries": "\x00 no line\n"})
		fill(t, site, map[string]string{"state.json": damage})
		r.start()
		s := r.awaitPhase(daemon.PhaseHeld)
		if len(s.Runs) != 1 || s.Head != two || !strings.Contains(r.log.String(), "was renamed") {
			t.Errorf("%+v", s)
		}
		if renamed, _ := filepath.Glob(filepath.Join(site, "state.json.damaged-*")); len(renamed) != i+1 {
			t.Errorf("renamed are %v", renamed)
		}
		r.stop()
	}
	if b, err := os.ReadFile(filepath.Join(r.state, "sites/gone/state.json")); err != nil || string(b) != "mine" {
		t.Errorf("the state of another site is %q, %v", b, err)
	}
}

// A restart without changes sends no request to the account. One with changed settings
// deploys.
func TestRestart(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"other/index.html": "other"})
	r := start(t, noPoll+siteOf(o, `dir = "public"`))
	r.awaitLive(one)
	r.stop()
	r.p.Server.ResetRequests()
	r.start()
	r.await("blog", "fetch", func(s daemon.Status) bool {
		return r.fetches("blog") == 1 &&
			s.Phase == daemon.PhaseIdle
	})
	if n := len(r.p.Server.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	r.stop()
	r.conf = noPoll + siteOf(o, `dir = "other"`)
	r.start()
	r.await("blog", "run", func(s daemon.Status) bool {
		return len(r.runs("blog")) == 1 &&
			s.Phase == daemon.PhaseIdle
	})
	if past := r.history("blog"); len(past) != 2 {
		t.Errorf("%+v", past)
	}
}

// A deploy that the daemon's end interrupts is recorded, and finished after the next
// start.
func TestStop(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r := start(t, noPoll+siteOf(o))
	r.awaitPhase(daemon.PhaseRetry)
	r.deploy(o, nil)
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
	r.poll("push")
	<-reached
	r.stopsAtOnce()
	r.p.Server.SetFault(nil)
	r.start()
	s := r.awaitLive(two)
	if s.Runs[1].Outcome != daemon.OutcomeInterrupted || s.Runs[1].Commit != two ||
		s.Runs[0].Outcome != daemon.OutcomeDeployed {
		t.Errorf("%+v", s.Runs)
	}
}
