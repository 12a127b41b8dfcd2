package daemon_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// remembered changes what a daemon that is stopped has remembered of the site.
func (r *rig) remembered(change func(state map[string]any)) {
	r.t.Helper()
	file := filepath.Join(r.state, "sites/blog/state.json")
	var state map[string]any
	if err := json.Unmarshal([]byte(readFile(r.t, file)), &state); err != nil {
		r.t.Fatal(err)
	}
	change(state)
	text, err := json.Marshal(state)
	if err != nil {
		r.t.Fatal(err)
	}
	fill(r.t, filepath.Dir(file), map[string]string{"state.json": string(text)})
}

// What a run came to that was killed is not known, also where the commit had been
// settled before: it may have been a rollback.
func TestInterruptedRunIsDoneAgain(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	r.stop()
	r.remembered(func(state map[string]any) { state["running"] = state["runs"].([]any)[0] })
	r.start()
	s := r.await("blog", "the run again", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 1 && s.Phase == daemon.PhaseIdle })
	if s.Runs[0].Outcome != daemon.OutcomeNoChange || s.Runs[1].Outcome != daemon.OutcomeInterrupted || s.Live != one {
		t.Errorf("%+v", s)
	}
}

// A quota is a day's. A later time to try again comes of a clock that was wrong,
// and would keep the site as it is for years.
func TestRetryInTheFarFutureIsNotBelieved(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, quiet+siteOf(o))
	r.awaitLive(one)
	r.stop()
	r.remembered(func(state map[string]any) {
		delete(state, "settled")
		state["failed"], state["failures"], state["quota"] = one, 1, true
		state["retry"] = time.Now().Add(72 * time.Hour).Format(time.RFC3339)
	})
	r.start()
	r.await("blog", "a try at once", func(s daemon.Status) bool { return len(r.seen.of("blog")) == 1 && s.Phase == daemon.PhaseIdle })
}
