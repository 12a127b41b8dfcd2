package kvsync_test

import (
	"testing"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// startLagging returns a world whose API sends its own time, and whose machine has a wrong clock.
func startLagging(t *testing.T, ahead time.Duration) *world {
	w := start(t)
	w.config.Now = func() time.Time { return time.Now().Add(ahead) }
	return w
}

// bare returns an engine that takes the time from the answers of the platform.
func (w *world) bare() *kvsync.Engine {
	w.t.Helper()
	e, err := kvsync.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// With a wrong clock a machine does not deploy, upload or prune, in any layout and for any target.
// It writes and deletes nothing.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]finding.Case{
		-25 * time.Hour: finding.CaseClockBehind, -61 * time.Minute: finding.CaseClockBehind,
		61 * time.Minute: finding.CaseClockAhead, 48 * time.Hour: finding.CaseClockAhead,
	} {
		for _, project := range []string{"", "shop"} {
			t.Run(ahead.String()+project, func(t *testing.T) {
				t.Parallel()
				w := startLagging(t, ahead)
				if project != "" {
					w.config.Site, w.config.Project = "", project
				}
				h := history(one, two)
				right := w.config
				right.Now = nil
				e, err := kvsync.New(right)
				if err != nil {
					t.Fatal(err)
				}
				before := w.counted(func() {
					_, err := w.bare().Deploy(t.Context(), h[0], w.worker(), plan.Options{})
					wantCase(t, err, guard.Clock, want)
				})
				wantNoWrites(t, before)
				if _, err := e.Deploy(t.Context(), h[0], w.worker(), plan.Options{}); err != nil {
					t.Fatal(err)
				}
				wantNoWrites(t, w.counted(func() {
					_, err := w.bare().Deploy(t.Context(), h[1], w.worker(), plan.Options{AnyOrder: true, Repair: true})
					wantCase(t, err, guard.Clock, want)
					_, err = w.bare().UploadAhead(t.Context(), h[1], w.worker(), plan.Options{})
					wantCase(t, err, guard.Clock, want)
					for _, dry := range []bool{false, true} {
						_, err = w.bare().Prune(t.Context(), layout.PruneOptions{DryRun: dry})
						wantCase(t, err, guard.Clock, want)
					}
				}))
			})
		}
	}
}

func wantNoWrites(t *testing.T, requests []string) {
	t.Helper()
	for _, kind := range requests {
		switch kind {
		case "kv.bulk.put", "kv.values.put", "kv.bulk.delete", "kv.namespaces.create", "workers.scripts.put",
			"workers.versions.create", "workers.deployments.create":
			t.Errorf("a machine with a wrong clock sent %s", kind)
		}
	}
}

// A wrong clock does not prevent a rollback, and what is retained does not
// depend on one.
func TestRollbackWithAWrongClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-25 * time.Hour, 48 * time.Hour} {
		w := start(t)
		w.config.Retain = 1
		h := history(one, two)
		w.mustDeploy(h[0])
		w.mustDeploy(h[1])
		w.config.Now = func() time.Time { return time.Now().Add(ahead) }
		// The deployment is retained because it was live within the grace period.
		if _, err := w.bare().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
			t.Errorf("with a clock that is off by %s: %v", ahead, err)
		}
		w.wantSite(one)
	}
}

// With a short grace period a smaller difference is too much.
func TestWrongClockWithAShortGrace(t *testing.T) {
	t.Parallel()
	for off, refused := range map[time.Duration]bool{
		-4 * time.Minute: false, -6 * time.Minute: true, 4 * time.Minute: false, 6 * time.Minute: true,
	} {
		w := startLagging(t, off)
		w.config.Grace = 10 * time.Minute
		_, err := w.bare().Deploy(t.Context(), history(one)[0], w.worker(), plan.Options{})
		if refused {
			wantGuard(t, err, guard.Clock)
		} else if err != nil {
			t.Errorf("with a clock that is off by %s: %v", off, err)
		}
	}
}

// A clock that is off by less than the limit does no harm, because all ages are measured by the
// time of the API. A blob that was uploaded from a machine with a slow clock has its real age, and
// is not pruned before the switch.
func TestAgesAreTheAPIs(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-59 * time.Minute, 59 * time.Minute} {
		w := startOnSeconds(t)
		w.config.Now = func() time.Time { return w.time().Add(off) }
		h := history(one, two)
		began := w.time()
		w.mustDeploy(h[0])
		w.during("workers.versions.create", func() {
			w.pass(10 * time.Hour)
			if got, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted != 0 {
				t.Errorf("it deleted %+v, %v", got, err)
			}
		})
		w.mustDeploy(h[1])
		w.wantSite(two)
		for _, key := range w.keys("blog/b/") {
			_, _, at := manifest.Keys("blog").Parse(key)
			if !at.Equal(began) {
				t.Errorf("%s says it was written at %s, not at %s", key, at, began)
			}
		}
	}
}

// timeless is an API whose answers have no Date.
type timeless struct{ cloud.Account }

func (timeless) Time() (time.Time, bool) { return time.Time{}, false }

func TestClockOfAnAPIWithoutTime(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.config.Account = timeless{w.account}
	_, err := w.bare().Deploy(t.Context(), h[0], w.worker(), plan.Options{AnyOrder: true})
	wantCase(t, err, guard.Clock, finding.CaseClockUnknown)
	_, err = w.bare().Prune(t.Context(), layout.PruneOptions{})
	wantCase(t, err, guard.Clock, finding.CaseClockUnknown)
	if _, err := w.bare().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Error(err)
	}
	w.wantSite(one)
}

// Nothing that was written a moment ago counts as old enough to be pruned.
func TestShortestGrace(t *testing.T) {
	w := start(t)
	w.config.Grace = time.Minute
	if _, err := kvsync.New(w.config); err == nil {
		t.Error("a grace period of a minute was taken")
	}
}

// The keys of the layout of the Rust crate show their age, too.
func TestKVAssetsWithAWrongClock(t *testing.T) {
	t.Parallel()
	r := newAssetsAccount()
	before := len(r.values)
	e, err := kvsync.New(site.Config{Site: "rusty", Account: r, Layout: "kv-assets",
		Now: func() time.Time { return r.now().Add(48 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = kvassets.Sync(t.Context(), e.Client(), &memory{files: one}, kvassets.Options{})
	wantCase(t, err, guard.Clock, finding.CaseClockAhead)
	if len(r.values) != before {
		t.Error("it wrote something")
	}
	res := r.sync(t, one, kvassets.Options{})
	r.publish(res.Index)
	_, err = e.Prune(t.Context(), layout.PruneOptions{Code: r.worker, Retain: 1})
	wantCase(t, err, guard.Clock, finding.CaseClockAhead)
}
