package kvsync_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func (w *world) workers() cloud.Workers { return w.account.Workers("blog") }

func (w *world) activateVersion(id, msg string) {
	w.t.Helper()
	if err := w.connect(0).Workers("blog").Activate(w.t.Context(), []cloud.Share{{Version: id, Percent: 100}}, msg,
		true); err != nil {
		w.t.Fatal(err)
	}
}

// secretEdit does what "wrangler secret put" does: it creates a version that inherits everything
// and has one more secret.
func (w *world) secretEdit(name, value string) string {
	w.t.Helper()
	ctx := w.t.Context()
	v, err := w.workers().Version(ctx, w.activeVersion())
	if err != nil {
		w.t.Fatal(err)
	}
	u := cloud.Upload{Worker: script}
	for _, b := range v.Bindings {
		if b.Name != name {
			u.Bindings = append(u.Bindings, cloud.Binding{Name: b.Name, Type: "inherit",
				Fields: map[string]json.RawMessage{"version_id": json.RawMessage(`"` + v.ID + `"`)}})
		}
	}
	q, _ := json.Marshal(value)
	u.Bindings = append(u.Bindings, cloud.Binding{Name: name, Type: "secret_text",
		Fields: map[string]json.RawMessage{"text": q}})
	id, err := w.workers().UploadVersion(ctx, u)
	if err != nil {
		w.t.Fatal(err)
	}
	w.activateVersion(id, "")
	return id
}

// A change of a secret makes a version of the same deployment. A rollback goes to another
// deployment.
func TestRollbackAfterSecretEdit(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	w.secretEdit("KEY", "v1")
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

// A hold remains in force until a deployment of kv-sync ends it, whatever other tools activate.
func TestHoldSurvivesSecretEdit(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.secretEdit("KEY", "v1")
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Held)
}

type subject struct{ *memory }

func (s subject) Origin(ctx context.Context) (manifest.Origin, error) {
	o, err := s.memory.Origin(ctx)
	o.Subject = "revert kv-sync-hold:" + strings.Repeat("ab", 20)
	return o, err
}
func (s subject) Files(ctx context.Context, b *manifest.Manifest) (*manifest.Listing, error) {
	l, err := s.memory.Files(ctx, b)
	l.Origin, _ = s.Origin(ctx)
	return l, err
}

// The subject of a commit is free text, and cannot hold anything back.
func TestSubjectForgesHold(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	if _, err := w.engine().Deploy(t.Context(), subject{h[1]}, script, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[2])
}

// A secret that is set during a deploy is in the version that goes live.
func TestSecretEditDuringDeployIsKept(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() { w.secretEdit("KEY", "v1") })
	w.mustDeploy(h[1])
	if !slices.Contains(w.bindings(), "KEY") {
		t.Errorf("secret lost: %v", w.bindings())
	}
}

// A deployment of another tool during a deploy is not replaced without permission.
func TestForeignDuringDeploy(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.during("workers.versions.create", func() {
		if err := w.connect(0).Workers("blog").PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
			t.Error(err)
		}
	})
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Foreign)
}

// If a variable of kv-sync was made a secret in the dashboard, it stays a secret and is not
// removed.
func TestOwnedNameThatBecameSecret(t *testing.T) {
	w := start(t)
	h := history(one, two)
	mine := script
	mine.Bindings = []cloud.Binding{{Name: "MODE", Type: "plain_text",
		Fields: map[string]json.RawMessage{"text": json.RawMessage(`"a"`)}}}
	if _, err := w.engine().Deploy(t.Context(), h[0], mine, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w.secretEdit("MODE", "s")
	w.mustDeploy(h[1])
	if !slices.Contains(w.bindings(), "MODE") {
		t.Errorf("secret lost: %v", w.bindings())
	}
}

// After a rollback, the files of the replaced deployment stay reachable for open tabs.
func TestRetiredAfterRollback(t *testing.T) {
	w := start(t)
	h := history(files{"/a": "1", "/b": "b"}, files{"/a": "1", "/b": "b", "/app.2.js": "2"}, files{"/a": "3", "/b": "b"})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[2])
	if len(w.manifest().Retired) != 1 {
		t.Errorf("retired %v", w.manifest().Retired)
	}
}

// A rollback to a named deployment is possible from a version of another tool.
func TestRollbackFromForeignTo(t *testing.T) {
	w := start(t)
	res := w.mustDeploy(history(one)[0])
	if err := w.workers().PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: res.Deployment}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

// A deployment that is not retained may be made live again during a prune.
func TestPruneVersusActivation(t *testing.T) {
	w, contents := aged(t, 5)
	acts, err := w.workers().Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	oldest := acts[len(acts)-1].Versions[0].Version
	w.during("kv.keys.list", func() { w.activateVersion(oldest, "dashboard") })
	_, err = w.later().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Overtaken)
	w.wantSite(contents[0])
}

// What was confirmed in one namespace is not assumed to be in another.
func TestNamespaceChangesWhilePlanning(t *testing.T) {
	w := start(t)
	other, err := w.account.CreateNamespace(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(&memory{files: one})
	rival := *w
	rival.config.Namespace = other
	w.during("workers.versions.create", func() {
		rival.mustDeploy(&memory{files: files{"/index.html": "r", "/about.html": "about", "/style.css": "css"}})
	})
	w.mustDeploy(&memory{files: three})
	w.wantSite(three)
}

// A repair after the live manifest was lost uploads everything again.
func TestLostManifest(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	w.drop(w.manifestKey(w.live()))
	_, err := w.deploy(h[1], plan.Options{})
	wantGuard(t, err, guard.Damaged)
	if _, err := w.deploy(h[1], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(two)
}

// A repair also restores a lost blob. Carried over, it would be missing forever.
func TestLostBlob(t *testing.T) {
	w := start(t)
	h := history(one)
	w.mustDeploy(h[0])
	w.drop("blog/b/" + w.manifest().Assets[0].Blob.String())
	if res := w.mustDeploy(h[0]); res.Switched {
		t.Error("it looked for the blob without being asked")
	}
	if _, err := w.deploy(h[0], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	w.wantSite(one)
}

// Promise 12: a repair removes no file that open tabs may still ask for.
func TestRepairKeepsRemovedFiles(t *testing.T) {
	w := start(t)
	h := history(files{"/a": "1", "/app.1.js": "1"}, files{"/a": "2"}, files{"/a": "3"})
	w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.deploy(h[2], plan.Options{Repair: true}); err != nil {
		t.Fatal(err)
	}
	if got := w.retired(); !slices.Equal(got, []string{"/app.1.js"}) {
		t.Errorf("reachable are %v", got)
	}
}

// A migration stays applied, even if a configuration in between does not name it.
func TestMigrationTagForgotten(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	durable := script
	durable.Modules = []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export class Room {}; export default { fetch() { return new Response('ok') } }")}}
	durable.Migrations = []cloud.Migration{{Tag: "v1", Step: json.RawMessage(`{"new_sqlite_classes":["Room"]}`)}}
	for i, wk := range []cloud.Worker{durable, script, durable} {
		if i == 1 {
			wk.Modules = durable.Modules
		}
		if _, err := w.engine().Deploy(t.Context(), h[i], wk, plan.Options{}); err != nil {
			t.Fatal(i, err)
		}
	}
}

// Of two first deployments at the same time, one is completely live, and the other reports a clear
// error.
func TestRivalAfterFirst(t *testing.T) {
	w := start(t)
	h := history(one, two)
	n := 0
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.deployments.list" {
			if n++; n == 2 {
				w.p.Server.SetFault(nil)
				rival := *w
				rival.account = w.connect(0)
				rival.config.Account = rival.account
				rival.mustDeploy(h[1])
			}
		}
		return platform.Fault{}
	})
	_, err := w.deploy(h[0], plan.Options{})
	if err != nil && strings.Contains(err.Error(), "%!w") {
		t.Error(err)
	}
}

// A lost switch during a split is not taken as done because its version already had most of the
// traffic.
func TestSplitConfirm(t *testing.T) {
	w := start(t)
	h := history(one, two)
	a := w.mustDeploy(h[0])
	b := w.mustDeploy(h[1])
	if err := w.workers().Activate(t.Context(), []cloud.Share{{Version: b.Version, Percent: 40},
		{Version: a.Version, Percent: 60}}, "split", false); err != nil {
		t.Fatal(err)
	}
	w.fault("workers.deployments.create", platform.Fault{Kind: platform.FaultDrop})
	w.config.Account = w.connect(1)
	res, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: a.Version})
	if err == nil {
		t.Errorf("says done though nothing switched: %+v", res)
	}
}

// If traffic is split, deploying the version with the larger share gives it all the traffic.
func TestSplitNoChange(t *testing.T) {
	w := start(t)
	h := history(one, two)
	a := w.mustDeploy(h[0])
	b := w.mustDeploy(h[1])
	if err := w.workers().Activate(t.Context(), []cloud.Share{{Version: b.Version, Percent: 60},
		{Version: a.Version, Percent: 40}}, "split", false); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(h[1])
	acts, _ := w.workers().Activations(t.Context())
	if len(acts[0].Versions) != 1 {
		t.Errorf("reported done, but live is %+v", acts[0].Versions)
	}
}

// A foreign version with the smaller share counts, too, whatever the order in the API's answer.
func TestSplitWithForeign(t *testing.T) {
	w := start(t)
	h := history(one, two)
	a := w.mustDeploy(h[0])
	id, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
	if err != nil {
		t.Fatal(err)
	}
	for _, foreignFirst := range []bool{false, true} {
		split := []cloud.Share{{Version: a.Version, Percent: 60}, {Version: id, Percent: 40}}
		if foreignFirst {
			slices.Reverse(split)
		}
		if err := w.workers().Activate(t.Context(), split, "split", true); err != nil {
			t.Fatal(err)
		}
		_, err = w.deploy(h[1], plan.Options{})
		wantGuard(t, err, guard.Foreign)
	}
}

// An upload of another tool that keeps variables also keeps KV_SYNC. The version is still foreign.
func TestKeepVarsForeign(t *testing.T) {
	w := start(t)
	h := history(one)
	w.mustDeploy(h[0])
	v := w.activeVersion()
	id, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: cloud.Worker{Main: script.Main,
		Modules: script.Modules, CompatibilityDate: script.CompatibilityDate,
		Bindings: []cloud.Binding{{Name: "KV_SYNC", Type: "inherit",
			Fields: map[string]json.RawMessage{"version_id": json.RawMessage(`"` + v + `"`)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	w.activateVersion(id, "wrangler deploy --keep-vars")
	res, err := w.deploy(h[0], plan.Options{})
	if err == nil {
		t.Errorf("another tool's version passed for ours: switched %v", res.Switched)
	}
}

// A missing blob is missing at each of its pathnames.
func TestVerifyNamesEveryPath(t *testing.T) {
	w := start(t)
	w.mustDeploy(history(files{"/a": "same", "/b": "same", "/c": "c"})[0])
	w.drop("blog/b/" + w.manifest().Assets[0].Blob.String())
	v, err := w.engine().Verify(t.Context(), false)
	if err != nil || !slices.Equal(v.Deployments[0].Missing, []string{"/a", "/b"}) {
		t.Errorf("%+v %v", v, err)
	}
}

type emptyWorkers struct{ cloud.Workers }

func (emptyWorkers) Activations(context.Context) ([]cloud.Activation, error) { return nil, nil }

type emptyAccount struct{ cloud.Account }

func (a emptyAccount) Workers(s string) cloud.Workers { return emptyWorkers{a.Account.Workers(s)} }

// A script that was never deployed has nothing to prune. It belongs to somebody else.
func TestPruneWithoutDeployments(t *testing.T) {
	w := start(t)
	w.mustDeploy(history(one)[0])
	w.config.Account = emptyAccount{w.account}
	_, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Target)
	_, err = w.deploy(history(one)[0], plan.Options{})
	wantGuard(t, err, guard.Foreign)
}

// A deployment that is not retained is not reported as retained.
func TestHistoryRetained(t *testing.T) {
	w := start(t)
	w.config.Retain, w.config.Grace = 1, time.Hour
	h := history(one, two, three)
	a := w.mustDeploy(h[0])
	w.mustDeploy(h[1])
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: a.Deployment}); err != nil {
		t.Fatal(err)
	}
	w.mustDeploy(&memory{files: three})
	w.pass(100 * time.Hour)
	past, err := w.engine().History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range past[1:] {
		if d.Retained {
			t.Errorf("%s at %s retained", d.ID, d.Time)
		}
	}
}

// Equal files are one blob, and count as one.
func TestUploadedCountsBlobs(t *testing.T) {
	w := start(t)
	res := w.mustDeploy(&memory{files: files{"/a": "same", "/b": "same"}})
	if res.Uploaded != 1 {
		t.Errorf("uploaded %d blobs of 1", res.Uploaded)
	}
}

// A rollback ends a split, whichever version has the larger share.
func TestRollbackDuringForeignMajoritySplit(t *testing.T) {
	w := start(t)
	h := history(one, two)
	w.mustDeploy(h[0])
	b := w.mustDeploy(h[1])
	id, err := w.workers().UploadVersion(t.Context(), cloud.Upload{Worker: script})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.workers().Activate(t.Context(), []cloud.Share{{Version: id, Percent: 60},
		{Version: b.Version, Percent: 40}}, "split", true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil {
		t.Error(err)
	}
}

// Taking over a script applies the settings of the new configuration.
func TestTakeOverSettings(t *testing.T) {
	w := start(t)
	if err := w.workers().PutScript(t.Context(), cloud.Upload{Worker: script}); err != nil {
		t.Fatal(err)
	}
	mine := script
	mine.Settings = map[string]json.RawMessage{"logpush": json.RawMessage("true")}
	kinds := w.counted(func() {
		if _, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{TakeOver: true}); err != nil {
			t.Fatal(err)
		}
	})
	if !slices.Contains(kinds, "workers.script-settings.patch") {
		t.Errorf("settings not applied: %v", kinds)
	}
}

// The binding of Static Assets is removed with them, because there is nothing to inherit it from.
func TestTakeOverStaticAssets(t *testing.T) {
	w := start(t)
	foreign := script
	foreign.Bindings = []cloud.Binding{{Name: "ASSETS", Type: "assets"},
		{Name: "KEPT", Type: "json", Fields: map[string]json.RawMessage{"json": json.RawMessage("1")}}}
	if err := w.workers().PutScript(t.Context(), cloud.Upload{Worker: foreign}); err != nil {
		t.Fatal(err)
	}
	res, err := w.engine().Deploy(t.Context(), history(one)[0], script, plan.Options{TakeOver: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.workers().Version(t.Context(), res.Version)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range v.Bindings {
		names = append(names, b.Name)
	}
	if slices.Contains(names, "ASSETS") || !slices.Contains(names, "KEPT") {
		t.Errorf("bindings %v", names)
	}
}

// Promise 9: the key of Workers Caching has no host, so that cache is never enabled for a worker
// loader, even if another tool enabled it.
func TestNoCacheBeforeInheritedLoader(t *testing.T) {
	w := start(t)
	foreign := script
	foreign.Bindings = []cloud.Binding{{Name: "LOADER", Type: "worker_loader"}}
	if err := w.workers().PutScript(t.Context(), cloud.Upload{Worker: foreign}); err != nil {
		t.Fatal(err)
	}
	w.config.Serving.EdgeCache = 60
	_, err := w.engine().Deploy(t.Context(), history(one)[0], script, plan.Options{TakeOver: true})
	wantGuard(t, err, guard.Cache)
	w.config.Serving.EdgeCache = 0
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], script, plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	w.config.Serving.EdgeCache = 60
	_, err = w.engine().Deploy(t.Context(), history(one)[0], script, plan.Options{})
	wantGuard(t, err, guard.Cache)
	// A binding of that name that the author defines takes the loader's place.
	mine := script
	mine.Bindings = []cloud.Binding{{Name: "LOADER", Type: "json",
		Fields: map[string]json.RawMessage{"json": json.RawMessage("1")}}}
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{}); err != nil {
		t.Error(err)
	}
}

// A lost switch that another switch followed immediately did happen.
func TestLateRivalAfterLostSwitch(t *testing.T) {
	w := start(t)
	h := history(one, two, three)
	w.mustDeploy(h[0])
	w.config.Account = w.connect(1)
	lost := false
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "workers.deployments.create" && !lost {
			lost = true
			return platform.Fault{Kind: platform.FaultLoseReply}
		}
		if r.Kind == "workers.deployments.list" && lost {
			w.p.Server.SetFault(nil)
			rival := *w
			rival.account = w.connect(0)
			rival.config.Account = rival.account
			rival.mustDeploy(h[2])
		}
		return platform.Fault{}
	})
	_, err := w.deploy(h[1], plan.Options{})
	if err != nil && strings.Contains(err.Error(), "what was live is still live") {
		t.Error(err)
	}
}
