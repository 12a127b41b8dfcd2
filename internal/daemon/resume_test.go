package daemon_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// changeState changes the state file of a stopped daemon.
func (td *testDaemon) changeState(change func(state map[string]any)) {
	td.t.Helper()
	file := td.stateFile("state.json")
	var state map[string]any
	if err := json.Unmarshal([]byte(readFile(td.t, file)), &state); err != nil {
		td.t.Fatal(err)
	}
	change(state)
	text, err := json.Marshal(state)
	if err != nil {
		td.t.Fatal(err)
	}
	fill(td.t, filepath.Dir(file), map[string]string{"state.json": string(text)})
}

// The result of a killed run is unknown, so the run is repeated. This is also true if its
// commit was deployed before, because the run may have been a rollback.
func TestInterruptedRunIsRepeated(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	r.stop()
	r.changeState(func(state map[string]any) { state["running"] = state["runs"].([]any)[0] })
	r.start()
	s := r.await("blog", "repeated run", func(s daemon.Status) bool {
		return len(r.runs("blog")) == 1 &&
			s.Phase == daemon.PhaseIdle
	})
	if s.Runs[0].Outcome != daemon.OutcomeNoChange || s.Runs[1].Outcome != daemon.OutcomeInterrupted || s.Live != one {
		t.Errorf("%+v", s)
	}
}

// A quota is renewed every day. A retry time in the far future comes from a wrong clock and is
// ignored.
func TestRetryInTheFarFutureIsIgnored(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	r, one := startLive(t, o)
	r.stop()
	r.changeState(func(state map[string]any) {
		delete(state, "settled")
		state["failed"], state["failures"], state["quota"] = one, 1, true
		state["retry"] = time.Now().Add(72 * time.Hour).Format(time.RFC3339)
	})
	r.start()
	r.await("blog", "immediate attempt", func(s daemon.Status) bool {
		return len(r.runs("blog")) == 1 &&
			s.Phase == daemon.PhaseIdle
	})
}
