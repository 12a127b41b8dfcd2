package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// overlaid is a Worker of a site with an overlay. Of the companion's code only its class matters
// here.
func overlaid(w cloud.Worker) cloud.Worker {
	w.Companion = &cloud.Worker{
		Main: "overlay.js", CompatibilityDate: "2026-11-01",
		Modules: []cloud.Module{{Name: "overlay.js", Type: "application/javascript+module",
			Content: []byte(`import { DurableObject } from "cloudflare:workers"; ` +
				`export class Overlay extends DurableObject {}; export default {}`)}},
	}
	return w
}

// startOverlaid makes a site whose overlay is on.
func startOverlaid(t *testing.T) *world {
	t.Helper()
	w := start(t)
	w.config.Serving.Overlay = true
	return w
}

// companion returns the metadata of the companion's active version, and how many versions the
// companion has had.
func (w *world) companion() (says map[string]any, versions int) {
	w.t.Helper()
	script := w.account.Workers("blog-overlay")
	acts, err := script.Activations(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := script.Version(w.t.Context(), acts[0].Versions[0].Version)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingMeta {
			if err := json.Unmarshal(b.Fields["json"], &says); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return says, len(acts)
}

func TestCompanion(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two, three)
	// The platform refuses a binding to a script that is not there, as Cloudflare does.
	var first *kvsync.Result
	kinds := w.counted(func() { first = w.mustDeploy(h[0]) })
	if first.Plan.Companion != "blog-overlay" {
		t.Errorf("the plan names the companion %q", first.Plan.Companion)
	}
	if n := len(slices.DeleteFunc(kinds, func(k string) bool { return k != "workers.script-subdomain.set" })); n != 1 {
		t.Errorf("%d scripts got an address, one is the site", n)
	}
	w.wantSite(one)
	live := w.live()
	says, versions := w.companion()
	want := map[string]any{"format": 1.0, "companion": "blog", "namespace": live.Namespace,
		"protocol": float64(live.Overlay.Protocol), "code": live.Overlay.Code}
	if d := cmp.Diff(want, says); d != "" || versions != 1 || live.Overlay.Protocol != overlay.Protocol ||
		live.Overlay.Code == "" {
		t.Errorf("%d versions, the site says %+v, the companion (-want +got):\n%s", versions, live.Overlay, d)
	}
	if got := w.bindings(); !slices.Equal(got, []string{"KV_SYNC", "KV_SYNC_BLOBS", "KV_SYNC_OVERLAY"}) ||
		!slices.Equal(live.Bindings, got) {
		t.Errorf("the site has %v and owns %v", got, live.Bindings)
	}

	// A companion that is the one that we have costs nothing but the record's read.
	if got := w.counted(func() { w.mustDeploy(h[0]) }); !slices.Equal(got,
		[]string{"workers.deployments.list", "workers.versions.get"}) {
		t.Errorf("no change took %v", got)
	}
	w.config.Cache = &cache{}
	got := w.counted(func() {
		if p := w.mustDeploy(h[1]).Plan; p.Companion != "" {
			t.Errorf("a plan that leaves it alone names the companion %q", p.Companion)
		}
	})
	slices.Sort(got)
	if d := cmp.Diff([]string{
		"kv.bulk.put", "kv.values.get", "kv.values.get", // the live manifest, and the record
		"workers.deployments.create", "workers.deployments.list", "workers.deployments.list", "workers.versions.create",
		"workers.versions.get",
	}, got); d != "" {
		t.Errorf("one change took (-want +got):\n%s", d)
	}

	// What may be written is the site's affair.
	w.config.Rights = overlay.Rights{Write: true}
	w.mustDeploy(h[1])
	if _, n := w.companion(); n != versions || !w.live().Overlay.Write || w.live().Overlay.Rules {
		t.Errorf("%d versions of the companion, the site says %+v", n, w.live().Overlay)
	}

	// Another code is put in place, without the migration that is applied.
	newer := overlaid(script)
	newer.Companion.CompatibilityDate = "2026-11-02"
	if _, err := w.engine().Deploy(t.Context(), h[1], newer, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	says, versions = w.companion()
	if versions != 2 || says["code"] == want["code"] || says["code"] != w.live().Overlay.Code {
		t.Errorf("of %d versions the newest is %v, the site says %+v", versions, says, w.live().Overlay)
	}

	// A companion that is gone is missed only where nothing is believed.
	if _, err := w.engine().Deploy(t.Context(), h[2], newer, plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	if _, again := w.companion(); again != versions {
		t.Errorf("%d versions of a companion that was right", again)
	}

	// Off, it goes out of the version, and stays as it is.
	w.config.Serving.Overlay = false
	w.mustDeploy(h[2])
	if got := w.bindings(); !slices.Equal(got, []string{"KV_SYNC", "KV_SYNC_BLOBS"}) || w.live().Overlay != nil {
		t.Errorf("without an overlay the site has %v, and says %+v", got, w.live().Overlay)
	}
	w.config.Serving.Overlay = true
	w.mustDeploy(h[2])
	if got := w.bindings(); !slices.Contains(got, "KV_SYNC_OVERLAY") {
		t.Errorf("on again it has %v", got)
	}
}

// A rollback may restore a version that names an older companion. The companion that exists counts,
// not the one that the version names.
func TestCompanionIsNeverReplacedByAnOlderOne(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	says, _ := w.companion()
	says["protocol"] = overlay.Protocol + 1
	w.companionSays(says)
	w.mustDeploy(h[1]) // nothing of it is asked: the code is the one that is live
	newer := overlaid(script)
	newer.Companion.CompatibilityDate = "2026-11-02"
	_, err := w.engine().Deploy(t.Context(), h[2], newer, plan.Options{TakeOver: true})
	wantCase(t, err, guard.Overlay, finding.CaseCompanionNewer)
	w.wantSite(two)
}

// companionSays makes a script of the companion's name live that says this.
func (w *world) companionSays(says any) {
	w.t.Helper()
	b, err := json.Marshal(says)
	if err != nil {
		w.t.Fatal(err)
	}
	u := cloud.Upload{Worker: *overlaid(script).Companion}
	u.Bindings = []cloud.Binding{{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": b}}}
	if err := w.account.Workers("blog-overlay").PutScript(w.t.Context(), u); err != nil {
		w.t.Fatal(err)
	}
}

func TestCompanionsNameIsTaken(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	src := history(one)[0]
	for _, says := range []any{"a text", map[string]any{"format": 1, "companion": "other"},
		map[string]any{"format": 1, "site": "blog-overlay"}} {
		w.companionSays(says)
		_, err := w.deploy(src, plan.Options{})
		wantGuard(t, err, guard.Foreign)
		if _, err := w.engine().Plan(t.Context(), src, w.worker(), plan.Options{}); err == nil {
			t.Error("the plan does not say so")
		}
	}
	if w.live() != nil {
		t.Fatal("something went live")
	}
	if _, err := w.deploy(src, plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)

	// One that has Durable Objects of its own is nothing to take over.
	other := start(t)
	other.config.Serving.Overlay = true
	theirs := cloud.Upload{Worker: *overlaid(script).Companion,
		Apply: &cloud.MigrationPlan{NewTag: "v1",
			Steps: []json.RawMessage{json.RawMessage(`{"new_sqlite_classes":["Overlay"]}`)}}}
	if err := other.account.Workers("blog-overlay").PutScript(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	_, err := other.deploy(src, plan.Options{TakeOver: true})
	wantGuard(t, err, guard.Foreign)
}

// If the API refuses the companion, the site does not change, and the error is not reported as a
// result of the site's switch.
func TestCompanionIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.config.Serving.Overlay = true
	for _, f := range []platform.Fault{{Kind: platform.FaultStatus, Status: http.StatusBadRequest},
		{Kind: platform.FaultDrop}} {
		w.fault("workers.scripts.put", f)
		_, err := w.deploy(h[1], plan.Options{})
		if err == nil || !strings.Contains(err.Error(), "the companion of blog") || errors.Is(err, cloud.ErrUnknown) {
			t.Errorf("%s: got %v", f.Kind, err)
		}
	}
	w.wantSite(one)
	w.p.Server.SetFault(nil)
	w.mustDeploy(h[1])
	w.wantSite(two)
}

// A request for the companion that is lost is sent again.
func TestCompanionIsSentAgain(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	lost := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind != "workers.scripts.put" || lost == 2 {
			return platform.Fault{}
		}
		lost++
		return platform.Fault{Kind: platform.FaultDrop}
	})
	w.mustDeploy(history(one)[0])
	if _, versions := w.companion(); versions != 1 || lost != 2 {
		t.Errorf("there are %d versions of the companion, %d requests were lost", versions, lost)
	}
	w.wantSite(one)
}

// A run that is cancelled while it uploads the companion reports that it was cancelled.
func TestCompanionIsInterrupted(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.during("workers.scripts.put", cancel)
	_, err := w.engine().Deploy(ctx, history(one)[0], w.worker(), plan.Options{})
	if !errors.Is(err, context.Canceled) || errors.Is(err, cloud.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	w.mustDeploy(history(one)[0])
	w.wantSite(one)
}

// Two runs that deploy a companion at the same moment send the same migration. The API refuses the
// second, which then finds that the companion is already as it should be.
func TestCompanionOfAnotherDeploy(t *testing.T) {
	t.Parallel()
	w := startOverlaid(t)
	src := history(one)[0]
	w.during("workers.scripts.put", func() { w.rival().mustDeploy(src) })
	if _, err := w.deploy(src, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, versions := w.companion(); versions != 1 {
		t.Errorf("there are %d versions of the companion", versions)
	}
	w.wantSite(one)
}

func TestCompanionsName(t *testing.T) {
	c := site.Config{Site: strings.Repeat("a", overlay.MaxSite), Account: noListAccount{},
		Serving: manifest.Serving{Overlay: true}}
	if n := len(overlay.CompanionName(c.Site)); n != 63 {
		t.Errorf("the longest companion's name has %d characters", n)
	}
	c.Account = start(t).account
	if _, err := kvsync.New(c); err != nil {
		t.Error(err)
	}
	c.Site += "a"
	if _, err := kvsync.New(c); err == nil || !strings.Contains(err.Error(), "shorter name") {
		t.Errorf("got %v", err)
	}
}
