package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
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
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// startProject is a world whose engine deploys the project "shop" into a
// namespace that is known by its id.
func startProject(t *testing.T) *world {
	t.Helper()
	w := start(t)
	id, err := w.account.CreateNamespace(t.Context(), "projects")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Site, w.config.Project, w.config.Namespace = "", "shop", id
	return w
}

// current returns the pointer of a project as JSON, or nil if there is none.
func (w *world) current(project string) map[string]any {
	w.t.Helper()
	b, err := w.account.Store(w.config.Namespace).Get(w.t.Context(), "project/"+project+"/current")
	if errors.Is(err, cloud.ErrNotFound) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// running returns a member of the project's live version.
func (w *world) running(member string) any {
	w.t.Helper()
	v, ok := w.current(w.config.Project)["version"].(map[string]any)
	if !ok {
		w.t.Fatal("no version is live")
	}
	return v[member]
}

// projectSite reads the project's live site as a loader does: from the pointer to the stored
// manifest to each blob.
func (w *world) projectSite() files {
	w.t.Helper()
	if w.current(w.config.Project) == nil {
		return nil
	}
	prefix := "project/" + w.config.Project
	store := w.account.Store(w.config.Namespace)
	get := func(key string) []byte {
		b, err := store.Get(w.t.Context(), key)
		if err != nil {
			w.t.Fatalf("%s: %v", key, err)
		}
		return b
	}
	m, err := manifest.DecodeStored(get(prefix + "/m/" + w.running("kv_sync").(map[string]any)["manifest"].(string)))
	if err != nil {
		w.t.Fatal(err)
	}
	out := files{}
	for _, a := range m.Assets {
		b := get(prefix + "/b/" + a.Blob.String())
		if manifest.HashOf(b) != a.Blob.Hash {
			w.t.Fatalf("%s: the blob is not what its key says", a.Path)
		}
		out[a.Path] = string(b)
	}
	served, err := manifest.EncodeServed(m)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := get(prefix + "/b/" + w.running("served").(string)); string(got) != string(served) {
		w.t.Fatal("the served manifest is not that of the stored one")
	}
	return out
}

func (w *world) wantProject(want files) {
	w.t.Helper()
	if got := w.projectSite(); !maps.Equal(got, want) {
		w.t.Fatalf("live is %v, want %v", keysOf(got), keysOf(want))
	}
}

func TestProject(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	w.config.Retain = 1
	c := history(files{"/index.html": "one", "/a.css": "a"}, files{"/index.html": "two", "/a.css": "a"})

	first := w.mustDeploy(c[0])
	w.wantProject(c[0].files)
	loader := w.running("loader").(string)
	if !strings.HasPrefix(loader, "shop:") || len(loader) != len("shop:")+32 {
		t.Errorf("the loader's id is %q", loader)
	}
	if js := w.running("modules").(map[string]any)["main.js"].(map[string]any)["js"]; js != string(
		script.Modules[0].Content) {
		t.Errorf("the code is %v", js)
	}
	if res := w.mustDeploy(c[0]); res.Switched {
		t.Error("the same again was a deployment")
	}

	second := w.mustDeploy(c[1])
	w.wantProject(c[1].files)
	if second.Uploaded != 1 || second.PreviousDeployment != first.Deployment {
		t.Errorf("uploaded %d, after %s", second.Uploaded, second.PreviousDeployment)
	}
	if w.running("loader") == loader {
		t.Error("another content has the same loader's id")
	}

	kinds := w.counted(func() {
		back, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{})
		if err != nil || back.Deployment != first.Deployment {
			t.Fatal(back, err)
		}
	})
	w.wantProject(c[0].files)
	if w.running("loader") != loader {
		t.Error("the same content has another loader's id")
	}
	if slices.Contains(kinds, "kv.bulk.put") {
		t.Error("a rollback uploaded something:", kinds)
	}
	_, err := w.deploy(c[1], plan.Options{})
	wantGuard(t, err, guard.Held)

	past, err := w.engine().History(t.Context())
	if err != nil || len(past) != 3 || !past[0].Rollback || past[0].Hold != c[1].commit || past[2].Record == nil {
		t.Errorf("history: %+v, %v", past, err)
	}
	v, err := w.engine().Verify(t.Context(), true)
	if err != nil || !v.Whole() || v.Unrooted != 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	w.pass(100 * time.Hour)
	past, err = w.engine().History(t.Context())
	if err != nil || len(past) != 3 || past[1].Retained || past[1].ID != second.Deployment ||
		past[1].Commit != c[1].commit || past[1].Source != "commit" || past[1].Hold != "" {
		t.Errorf("history of what is not retained: %+v, %v", past, err)
	}
}

// A change of code only does not write assets. Restoring the earlier code gives the same content
// again.
func TestProjectCode(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	src := history(files{"/index.html": "one"})[0]
	w.mustDeploy(src)
	loader, served := w.running("loader"), w.running("served")
	other := script
	other.Modules = []cloud.Module{{Name: "main.js", Type: script.Modules[0].Type,
		Content: []byte("export default { fetch() { return new Response('new') } }")}}
	other.Bindings = []cloud.Binding{{Name: "GREETING", Type: "plain_text",
		Fields: map[string]json.RawMessage{"text": json.RawMessage(`"hi <&>"`)}}}
	res, err := w.engine().Deploy(t.Context(), src, other, plan.Options{})
	if err != nil || res.Uploaded != 0 {
		t.Fatal(res, err)
	}
	if w.running("loader") == loader || w.running("served") != served {
		t.Error("the code changed: another loader's id and the same manifest are due")
	}
	if env := w.running("env").(map[string]any); env["GREETING"] != "hi <&>" {
		t.Errorf("env is %v", env)
	}
	w.mustDeploy(src)
	if w.running("loader") != loader {
		t.Error("the same content has another loader's id")
	}
}

// A loader refuses a module without a type, so an empty file has a type, too.
func TestProjectModules(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	worker := script
	worker.Modules = slices.Clone(script.Modules)
	want := map[string]any{"main.js": map[string]any{"js": string(script.Modules[0].Content)}}
	for kind, typ := range map[string]string{"js": "application/javascript+module", "text": "text/plain",
		"wasm": "application/wasm", "data": "application/octet-stream"} {
		worker.Modules = append(worker.Modules, cloud.Module{Name: "empty." + kind, Type: typ},
			cloud.Module{Name: "full." + kind, Type: typ, Content: []byte("full")})
		want["empty."+kind] = map[string]any{kind: ""}
		full := "full"
		if kind == "wasm" || kind == "data" {
			full = "ZnVsbA=="
		}
		want["full."+kind] = map[string]any{kind: full}
	}
	if _, err := w.engine().Deploy(t.Context(), history(files{"/x": "x"})[0], worker, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := w.running("modules"); !reflect.DeepEqual(got, want) {
		t.Errorf("the modules are %v, want %v", got, want)
	}
}

func TestProjectRefuses(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	src := history(files{"/index.html": "one"})[0]
	for name, change := range map[string]func(*cloud.Worker){
		"a KV namespace": func(w *cloud.Worker) { w.Bindings = []cloud.Binding{{Name: "KV", Type: "kv_namespace"}} },
		"a variable in the assets' place": func(w *cloud.Worker) {
			w.Bindings = []cloud.Binding{{Name: "ASSETS", Type: "plain_text",
				Fields: map[string]json.RawMessage{"text": json.RawMessage(`"x"`)}}}
		},
		"a migration": func(w *cloud.Worker) { w.Migrations = []cloud.Migration{{Tag: "v1"}} },
	} {
		worker := script
		change(&worker)
		_, err := w.engine().Deploy(t.Context(), src, worker, plan.Options{})
		var refused *project.WorkerError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "shop") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.current("shop") != nil {
		t.Error("something was written")
	}
	for _, c := range []site.Config{{Project: "a/b"}, {Project: ".."}, {Project: "A"}, {Site: "project"},
		{Site: "a", Project: "b"}, {Site: "project/a"}} {
		c.Account = w.account
		if _, err := kvsync.New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// Two projects and a site share a namespace. None of them touches the keys of another.
func TestProjectsAreIsolated(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	w.config.Retain, w.config.Grace = 1, 10*time.Minute
	a := history(files{"/x": "one"}, files{"/x": "two"}, files{"/x": "three"})
	w.mustDeploy(a[0])
	w.config.Project = "shop2"
	w.mustDeploy(a[0])
	site := w.timed()
	site.Project, site.Site = "", "blog"
	e, err := kvsync.New(site)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Deploy(t.Context(), a[0], script, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	others := func() []string {
		return slices.Concat(w.keysOf("project/shop2/"), w.keysOf("blog/"))
	}
	before := others()
	w.config.Project = "shop"
	for _, next := range a[1:] {
		w.pass(time.Hour)
		w.mustDeploy(next)
	}
	w.pass(time.Hour)
	pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pruned.Deleted == 0 || !slices.Equal(before, others()) {
		t.Errorf("pruned %+v; the others' keys: %v", pruned, others())
	}
	w.wantProject(a[2].files)
	if got := len(w.keysOf("project/shop/")); got != 6 { // blob, manifest, record, version, served manifest, pointer
		t.Errorf("%d keys are left: %v", got, w.keysOf("project/shop/"))
	}
	w.config.Project = "shop2"
	w.wantProject(a[0].files)
}

func (w *world) keysOf(prefix string) []string {
	w.t.Helper()
	page, next, err := w.account.Store(w.config.Namespace).List(w.t.Context(), prefix, "")
	if err != nil || next != "" {
		w.t.Fatal(next, err)
	}
	var out []string
	for _, k := range page {
		out = append(out, k.Name)
	}
	return out
}

// Prune does not count the keys that the pathname layout stores beside those of a project as
// unrooted.
func TestProjectPruneLeavesTheOtherLayout(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	src := history(files{"/x": "one"})[0]
	w.mustDeploy(src)
	store := w.account.Store(w.config.Namespace)
	for _, key := range []string{"project/shop/manifest", "project/shop/assets/index.html", "project/shop/assets/b/x"} {
		if err := store.Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(100 * time.Hour)
	pruned, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
	if err != nil || pruned.Deleted != 0 {
		t.Fatal(pruned, err)
	}
	if err := store.Put(t.Context(), "project/shop/new", []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, err = w.engine().Prune(t.Context(), layout.PruneOptions{})
	wantGuard(t, err, guard.Unread)
}

// Only a project has such keys. If a site has them, they belong to somebody else.
func TestPruneKnowsNoProjectKeysOfASite(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"blog/current", "blog/manifest", "blog/assets/x"} {
		w := start(t)
		w.mustDeploy(history(files{"/x": "one"})[0])
		if err := w.store().Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		_, err := w.engine().Prune(t.Context(), layout.PruneOptions{})
		wantGuard(t, err, guard.Unread)
	}
}

// The test injects each fault into each request of a project's first deploy, deploy and rollback.
// The project is completely old or completely new, and the next run finishes.
func TestProjectEveryRequestCanFail(t *testing.T) {
	t.Parallel()
	h := history(one, two)
	for name, tc := range map[string]struct {
		before   []*memory
		run      func(context.Context, *kvsync.Engine) error
		old, new files
	}{
		"first deploy": {
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[0], script, plan.Options{})
				return err
			},
			new: one,
		},
		"deploy": {
			before: h[:1],
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Deploy(ctx, h[1], script, plan.Options{})
				return err
			},
			old: one, new: two,
		},
		"rollback": {
			before: h,
			run: func(ctx context.Context, e *kvsync.Engine) error {
				_, err := e.Rollback(ctx, kvsync.RollbackOptions{To: h[0].commit})
				return err
			},
			old: two, new: one,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, b := range requestFaults {
				for k := int64(1); ; k++ {
					w := startProject(t)
					w.config.Account = w.connect(1)
					for _, src := range tc.before {
						w.mustDeploy(src)
					}
					if !w.runWithFault(b, k, tc.run) {
						if k < 4 {
							t.Fatalf("%s: only %d requests", b.name, k-1)
						}
						break
					}
					where := fmt.Sprintf("%s at request %d", b.name, k)
					if got := w.projectSite(); !maps.Equal(got, tc.old) && !maps.Equal(got, tc.new) {
						t.Fatalf("%s: live is %v", where, keysOf(got))
					}
					if err := tc.run(t.Context(), w.engine()); err != nil {
						t.Fatalf("%s: running again: %v", where, err)
					}
					w.wantProject(tc.new)
				}
			}
		})
	}
}

// If another deployment goes live between the plan and the switch, the plan is made again, and that
// deployment is not overwritten.
func TestProjectOvertaken(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	h := history(files{"/x": "one"}, files{"/x": "two"}, files{"/x": "three"})
	w.mustDeploy(h[0])
	other := startAs(w)
	done := false
	w.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.put" && !done {
			done = true
			other.mustDeploy(h[1])
		}
		return platform.Fault{}
	})
	w.mustDeploy(h[2])
	w.wantProject(h[2].files)
	past, err := w.engine().History(t.Context())
	if err != nil || len(past) != 3 || past[1].Commit != h[1].commit {
		t.Errorf("the deployment in between is not in the history: %+v, %v", past, err)
	}
}

// startAs returns another process that deploys to the same KV.
func startAs(w *world) *world {
	other := *w
	other.account = w.connect(0)
	other.config.Account = other.account
	return &other
}

// An older kv-sync deployed a project on a machine whose clock was ahead. Machines with correct
// clocks can still deploy, prune and roll back.
func TestProjectDeployedInTheFuture(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	h := history(files{"/x": "one"}, files{"/x": "two"}, files{"/x": "three"}, files{"/x": "four"})
	w.mustDeploy(h[0])
	w.pass(365 * 24 * time.Hour)
	w.mustDeploy(h[1])
	w.pass(-364 * 24 * time.Hour)
	if got, err := w.engine().Prune(t.Context(), layout.PruneOptions{}); err != nil || got.Deleted != 0 {
		t.Errorf("it deleted %+v, %v", got, err)
	}
	w.wantProject(h[1].files)

	res, err := w.deploy(h[2], plan.Options{})
	if err != nil || !res.Plan.PruneDue {
		t.Fatalf("%+v, %v: the last prune was in the future, so one is due", res, err)
	}
	w.wantProject(h[2].files)
	if res := w.mustDeploy(h[3]); res.Plan.PruneDue {
		t.Error("a prune is due at once again")
	}
	if _, err := w.engine().Rollback(t.Context(), kvsync.RollbackOptions{To: h[1].commit}); err != nil {
		t.Fatal(err)
	}
	w.wantProject(h[1].files)
}

// The number of requests of a project's operations, as the server counts them.
func TestProjectLedger(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	h := history(files{"/x": "one", "/y": "y"}, files{"/x": "two", "/y": "y"})
	want := func(what string, kinds []string, list ...string) {
		slices.Sort(kinds)
		slices.Sort(list)
		if !slices.Equal(kinds, list) {
			t.Errorf("%s: %v, want %v", what, kinds, list)
		}
	}
	const get, bulk, put = "kv.values.get", "kv.bulk.put", "kv.values.put"
	want("first", w.counted(func() { w.mustDeploy(h[0]) }), get, bulk, bulk, bulk, get, put, get)
	want("no change", w.counted(func() { w.mustDeploy(h[0]) }), get)
	want("one file", w.counted(func() { w.mustDeploy(h[1]) }), get, get, bulk, bulk, get, put, get)
}
