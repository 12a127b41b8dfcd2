package kvsync_test

import (
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A machine whose clock lags would make keys that look old: it is refused.
func TestLaggingClock(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.pass(-2 * time.Hour)
	for _, anyOrder := range []bool{false, true} { // which is a way out for a project alone
		_, err := w.deploy(h[1], kvsync.Options{AnyOrder: anyOrder})
		wantGuard(t, err, kvsync.GuardClock)
	}
	_, err := w.engine().Prune(t.Context(), kvsync.PruneOptions{})
	wantGuard(t, err, kvsync.GuardClock)
	w.wantSite(one)
}

// With a short grace period less is too much: what such a machine uploads would be
// prune's, by a clock that is right, before it is switched to.
func TestLaggingClockWithAShortGrace(t *testing.T) {
	t.Parallel()
	for lag, refused := range map[time.Duration]bool{4 * time.Minute: false, 6 * time.Minute: true} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			w := startOnSeconds(t)
			w.config.Grace = 10 * time.Minute
			h := history(one, two)
			w.mustDeploy(h[0])
			w.pass(-lag)
			if refused {
				_, err := w.tryUploadAhead(h[1])
				wantGuard(t, err, kvsync.GuardClock)
				_, err = w.deploy(h[1], kvsync.Options{})
				wantGuard(t, err, kvsync.GuardClock)
				return
			}
			// Another machine, whose clock is right, prunes before the switch.
			w.during("workers.versions.create", func() {
				w.pass(lag + 4*time.Minute)
				if _, err := w.engine().Prune(t.Context(), kvsync.PruneOptions{}); err != nil {
					t.Error(err)
				}
				w.pass(-lag)
			})
			w.mustDeploy(h[1])
			w.pass(lag)
			w.wantSite(two)
		})
	}
}

// Nothing that was written a moment ago is ever old enough to be pruned.
func TestShortestGrace(t *testing.T) {
	w := start(t)
	w.config.Grace = time.Minute
	if _, err := kvsync.New(w.config); err == nil {
		t.Error("a grace period of a minute was taken")
	}
}
