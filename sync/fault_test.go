package kvsync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// requestFault is a fault of one request: the process dies before or after the request is carried out, or
// the network fails and the process continues.
type requestFault struct {
	name string
	dies bool
	kind platform.FaultKind
}

var requestFaults = []requestFault{
	{"killed before it", true, platform.FaultDrop},
	{"killed after it", true, platform.FaultLoseReply},
	{"dropped", false, platform.FaultDrop},
	{"reply lost", false, platform.FaultLoseReply},
	{"refused", false, platform.FaultStatus},
}

// TestEveryRequestCanFail injects each fault into each request of each kind of run. Whatever the
// run reports, the live site is completely old or completely new, and the next run finishes
// (promises 2, 3, 6, 8).
func TestEveryRequestCanFail(t *testing.T) {
	h := history(one, two)
	durable := script
	durable.Modules = slices.Clone(script.Modules)
	durable.Modules[0].Content = []byte("export class Room {}; export default { fetch() { return new Response('ok') } }")
	durable.Migrations = []cloud.Migration{{Tag: "v1", Step: []byte(`{"new_sqlite_classes":["Room"]}`)}}

	for name, tc := range map[string]struct {
		before   func(*world)
		run      func(context.Context, *kvsync.Engine) error
		old, new files
	}{
		"first deploy": {
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[0], script, plan.Options{})
				return err
			},
			old: nil, new: one,
		},
		"deploy": {
			before: func(w *world) { w.mustDeploy(h[0]) },
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[1], script, plan.Options{})
				return err
			},
			old: one, new: two,
		},
		"deploy with a migration": {
			before: func(w *world) { w.mustDeploy(h[0]) },
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[1], durable, plan.Options{})
				return err
			},
			old: one, new: two,
		},
		"first deploy with an overlay": {
			before: func(w *world) { w.config.Serving.Overlay = true },
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[0], overlaid(script), plan.Options{})
				return err
			},
			old: nil, new: one,
		},
		"an overlay's new companion": {
			before: func(w *world) {
				w.config.Serving.Overlay = true
				w.mustDeploy(h[0])
				w.edit(edit{path: "/about.html", body: "edited"})
			},
			run: func(ctx context.Context, e *kvsync.Engine) error {
				newer := overlaid(script)
				newer.Companion.Modules[0].Content = append(newer.Companion.Modules[0].Content, "// newer"...)
				_, err := e.Deploy(ctx, h[1], newer, plan.Options{})
				return err
			},
			old: one, new: two,
		},
		"rollback": {
			before: func(w *world) { w.mustDeploy(h[0]); w.mustDeploy(h[1]) },
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Rollback(ctx, kvsync.RollbackOptions{To: h[0].commit})
				return err
			},
			old: two, new: one,
		},
		"prune": {
			before: func(w *world) {
				w.config.Retain = 1
				w.mustDeploy(h[0])
				w.mustDeploy(h[1])
				w.pass(30 * 24 * time.Hour)
			},
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Prune(ctx, layout.PruneOptions{})
				return err
			},
			old: two, new: two,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, b := range requestFaults {
				for k := int64(1); ; k++ {
					w := start(t)
					w.config.Account = w.connect(1) // no second try: each failure reaches the engine
					if tc.before != nil {
						tc.before(w)
					}
					injected := w.runWithFault(b, k, tc.run)
					if !injected {
						if k < 4 {
							t.Fatalf("%s: only %d requests", b.name, k-1)
						}
						break
					}
					where := fmt.Sprintf("%s at request %d", b.name, k)
					if got := w.site(); !maps.Equal(got, tc.old) && !maps.Equal(got, tc.new) {
						t.Fatalf("%s: live is %v", where, keysOf(got))
					}
					if err := tc.run(t.Context(), w.engine()); err != nil {
						t.Fatalf("%s: running again: %v", where, err)
					}
					if got := w.site(); !maps.Equal(got, tc.new) {
						t.Fatalf("%s: after running again live is %v", where, keysOf(got))
					}
				}
			}
		})
	}
}

// runWithFault runs and injects the fault into the k-th request. It reports whether there was such a
// request.
func (w *world) runWithFault(b requestFault, k int64, run func(context.Context, *kvsync.Engine) error) bool {
	ctx, kill := context.WithCancel(w.t.Context())
	defer kill()
	w.p.Server.ResetRequests()
	var injected atomic.Bool
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Seq == k {
			injected.Store(true)
		}
		switch {
		case r.Seq == k && b.dies:
			kill()
			return platform.Fault{Kind: b.kind}
		case r.Seq == k:
			return platform.Fault{Kind: b.kind, Status: 403}
		case r.Seq > k && b.dies:
			return platform.Fault{Kind: platform.FaultDrop} // the dead send nothing more
		}
		return platform.Fault{}
	})
	_ = run(ctx, w.engine()) // what it says is another test's matter
	w.p.Server.WaitIdle()    // what the dead have sent may still be carried out
	w.p.Server.SetFault(nil)
	return injected.Load()
}

// If it is not known whether the switch happened, the run says so and does not prune.
func TestUnknownStaysUnknown(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.pass(30 * 24 * time.Hour) // a prune is due
	w.config.Account = w.connect(1)
	switched := false
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.deployments.create" {
			switched = true
			return platform.Fault{Kind: platform.FaultLoseReply}
		}
		if switched {
			return platform.Fault{Kind: platform.FaultDrop}
		}
		return platform.Fault{}
	})
	var err error
	kinds := w.counted(func() { _, err = w.deploy(h[1], plan.Options{}) })
	if !errors.Is(err, cloud.ErrUnknown) {
		t.Errorf("it says %v, want an error that wraps ErrUnknown", err)
	}
	if slices.Contains(kinds, "kv.bulk.delete") {
		t.Error("it pruned")
	}
	w.p.Server.SetFault(nil)
	w.wantSite(two)
	if res := w.mustDeploy(h[1]); res.Switched {
		t.Error("running again deployed what is live already")
	}
}

// Promise 3: keys that a bulk write of status 200 left out are sent again.
func TestPartialBulkWrites(t *testing.T) {
	w := start(t)
	partial := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.put" && partial < 2 {
			partial++
			return platform.Fault{Kind: platform.FaultPartial, Every: 2}
		}
		return platform.Fault{}
	})
	w.mustDeploy(history(one)[0])
	w.wantSite(one)
	if partial != 2 || !slices.ContainsFunc(w.notes, func(n string) bool { return strings.Contains(n, "sending again") }) {
		t.Errorf("%d partial writes, notes %q", partial, w.notes)
	}
}

// A plan that took longer than half the grace period is made again with new keys, because prune may
// have deleted those of the first plan.
func TestStalePlanIsMadeAgain(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() { w.pass(13 * time.Hour) })
	res := w.mustDeploy(h[1])
	w.wantSite(two)
	fresh := fmt.Sprintf("%x", w.time().Unix())
	for _, a := range w.manifest().Assets {
		if a.Path == "/index.html" && !strings.HasPrefix(a.Blob.Nonce.String(), fresh) {
			t.Errorf("the blob's key is of %s, want one of the second plan", a.Blob.Nonce.Time())
		}
	}
	if !strings.Contains(strings.Join(w.notes, "\n"), "planning again") || !res.Switched {
		t.Errorf("notes %q", w.notes)
	}
}
