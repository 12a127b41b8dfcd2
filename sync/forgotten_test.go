package kvsync_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/version"
)

var (
	clean  = files{"/index.html": "hello", "/app.js": "app"}
	leaked = files{"/index.html": "hello", "/app.js": "app", "/key.txt": "do not read", "/notes.txt": "nor this"}
)

// mustForget deploys with Forget.
func (w *world) mustForget(src *memory) *kvsync.Result {
	w.t.Helper()
	res, err := w.deploy(src, plan.Options{Forget: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return res
}

// back rolls back.
func (w *world) back(opt kvsync.RollbackOptions) (*kvsync.Result, error) {
	return w.engine().Rollback(w.t.Context(), opt)
}

// record is the record of a deployment.
func (w *world) record(deployment string) (r version.Record) {
	w.t.Helper()
	b, err := w.store().Get(w.t.Context(), "blog/d/"+deployment)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// A rollback does not publish again what was permanently removed, unless a person allows it.
func TestRollbackToForgotten(t *testing.T) {
	w := start(t)
	h := history(clean, leaked, clean)
	before, leak := w.mustDeploy(h[0]), w.mustDeploy(h[1])
	gone := w.mustForget(h[2])
	if !gone.Plan.Forgets || gone.Undoable() || !leak.Undoable() || !w.live().Forgets ||
		len(w.record(gone.Deployment).Forgot.Hashes) != 2 {
		t.Errorf("%+v, record %+v", gone, w.record(gone.Deployment))
	}
	for _, opt := range []kvsync.RollbackOptions{{}, {DryRun: true}, {To: leak.Deployment}, {To: h[1].commit},
		{AllowForgottenOf: h[0].commit}} {
		_, err := w.back(opt)
		wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
		for _, says := range []string{leak.Deployment, gone.Deployment, "2 files", "/key.txt, /notes.txt"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%q does not say %q", err, says)
			}
		}
	}
	w.wantSite(clean)
	// It does not concern what never had these files.
	if _, err := w.back(kvsync.RollbackOptions{To: before.Deployment}); err != nil {
		t.Fatal(err)
	}
	for _, opt := range []kvsync.RollbackOptions{{AllowForgotten: true}, {AllowForgottenOf: h[1].commit[:7]}} {
		opt.To = leak.Deployment
		if _, err := w.back(opt); err != nil {
			t.Fatal(err)
		}
		w.wantSite(leaked)
		// What forgot the files does not bring them back.
		if _, err := w.back(kvsync.RollbackOptions{To: gone.Deployment}); err != nil {
			t.Fatal(err)
		}
		w.wantSite(clean)
	}
}

// Forget also removes what stays reachable for open tabs, and what a rollback replaced. A later
// deployment that publishes it again on purpose is an ordinary one.
func TestForgottenIsAllThatWasReachable(t *testing.T) {
	w := start(t)
	h := history(clean, leaked, files{"/index.html": "new", "/app.js": "app"},
		files{"/index.html": "newer", "/app.js": "app"}, leaked, clean)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	retires := w.mustDeploy(h[2])
	w.mustForget(h[3])
	_, err := w.back(kvsync.RollbackOptions{})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
	if says := "/index.html, /key.txt, /notes.txt"; !strings.Contains(err.Error(), says) ||
		!strings.Contains(err.Error(), retires.Deployment) {
		t.Errorf("%q does not say %q", err, says)
	}
	w.mustDeploy(h[4])
	w.mustDeploy(h[5])
	if _, err := w.back(kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(leaked)

	w = start(t)
	h = history(clean, leaked, files{"/index.html": "new", "/app.js": "app"})
	w.mustDeploy(h[0])
	leak := w.mustDeploy(h[1])
	if _, err := w.back(kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.mustForget(h[2])
	_, err = w.back(kvsync.RollbackOptions{To: leak.Deployment})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
	if says := "/index.html, /key.txt, /notes.txt"; !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
}

// A deployment that forgot also counts if its target was made live again since.
func TestForgottenBeforeTheTargetCameBack(t *testing.T) {
	w := start(t)
	h := history(leaked, clean, leaked, two)
	w.mustDeploy(h[0])
	w.mustForget(h[1])
	if _, err := w.back(kvsync.RollbackOptions{AllowForgotten: true}); err != nil {
		t.Fatal(err)
	}
	// A newer commit with the same files makes the target live once more.
	if _, err := w.deploy(h[2], plan.Options{Release: true}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[3])
	_, err := w.back(kvsync.RollbackOptions{})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
}

// Only a rollback past a deployment that forgets reads more: the record of that deployment, and the
// target's manifest if it is not in the cache.
func TestForgottenCostsOnlyPastIt(t *testing.T) {
	w := start(t)
	h := history(one, leaked, clean, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	gone := w.mustForget(h[2])
	w.mustDeploy(h[3])
	reads := func(opt kvsync.RollbackOptions) (n int) {
		opt.DryRun = true
		for _, kind := range w.counted(func() { _, _ = w.back(opt) }) {
			if kind == "kv.values.get" {
				n++
			}
		}
		return n
	}
	for commit, more := range map[string]int{h[1].commit: 2, h[2].commit: 0} {
		without := reads(kvsync.RollbackOptions{To: commit, AllowForgotten: true})
		if got := reads(kvsync.RollbackOptions{To: commit}) - without; got != more {
			t.Errorf("%s is before %s: %v; it took %d reads more, want %d", commit, gone.Deployment, more > 0, got, more)
		}
	}
}

// If there are very many contents, or if they cannot be read, everything counts that the deployment
// does not serve. If it is not known what was removed, a rollback past it is refused.
func TestForgottenWithoutAList(t *testing.T) {
	many := files{"/index.html": "hello", "/app.js": "app"}
	for i := range version.MostForgotten + 1 {
		many[fmt.Sprintf("/%d.txt", i)] = fmt.Sprint("number ", i)
	}
	h := history(clean, many, clean)
	w := start(t)
	before := w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	res, err := w.deploy(h[2], plan.Options{Forget: true, AllowShrink: true})
	if err != nil {
		t.Fatal(err)
	}
	if f := w.record(res.Deployment).Forgot; f == nil || !f.All || len(f.Hashes) > 0 {
		t.Fatalf("the record says %+v", f)
	}
	_, err = w.back(kvsync.RollbackOptions{})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
	if !strings.Contains(err.Error(), "/0.txt, /1.txt") || !strings.Contains(err.Error(), "1001 files") &&
		!strings.Contains(err.Error(), "1,001 files") {
		t.Errorf("got %v", err)
	}
	if _, err := w.back(kvsync.RollbackOptions{To: before.Deployment, DryRun: true}); err != nil {
		t.Error(err)
	}
	w.drop("blog/d/" + res.Deployment)
	_, err = w.back(kvsync.RollbackOptions{To: before.Deployment})
	wantCase(t, err, guard.Forgotten, finding.CaseForgottenUnknown)

	w = start(t)
	h = history(leaked, many, clean)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.drop(w.manifestKey(w.live()))
	if res, err = w.deploy(h[2], plan.Options{Forget: true, Repair: true, AllowShrink: true}); err != nil {
		t.Fatal(err)
	}
	if f := w.record(res.Deployment).Forgot; f == nil || !f.All {
		t.Fatalf("the record says %+v", f)
	}
	_, err = w.back(kvsync.RollbackOptions{To: h[0].commit})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
}

// This holds for projects, and in every layout that keeps deployments.
func TestForgottenElsewhere(t *testing.T) {
	h := history(leaked, clean)
	w := startProject(t)
	w.mustDeploy(h[0])
	w.mustForget(h[1])
	_, err := w.back(kvsync.RollbackOptions{})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
	w.wantProject(clean)

	for _, layouts := range [][]string{{"kv-assets", "kv-assets"}, {"", "kv-assets"}, {"kv-assets", ""}} {
		w := startAssets(t)
		for i, layout := range layouts {
			w.config.Layout = layout
			worker := script
			if layout != "" {
				worker = w.code.worker()
			}
			if _, err := w.engine().Deploy(t.Context(), h[i], worker, plan.Options{Forget: i == 1}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.back(kvsync.RollbackOptions{})
		wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
		if !strings.Contains(err.Error(), ": /key.txt, /notes.txt") {
			t.Errorf("%v: %v", layouts, err)
		}
	}
}

// If another tool's version was live, what it served is not known.
func TestForgottenOverAnotherTool(t *testing.T) {
	w := start(t)
	h := history(leaked, clean)
	w.mustDeploy(h[0])
	ours := w.live().Deployment
	if err := w.account.Workers("blog").PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	res, err := w.deploy(h[1], plan.Options{Forget: true, TakeOver: true})
	if err != nil || !res.Plan.Forgets {
		t.Fatal(res, err)
	}
	_, err = w.back(kvsync.RollbackOptions{To: ours})
	wantCase(t, err, guard.Forgotten, finding.CaseForgotten)
}
