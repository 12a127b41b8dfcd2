package kvsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/deletion"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// unnamed is the script with a binding whose resource the configuration does not name.
func unnamed(b cloud.Binding, hint string) cloud.Worker {
	b.Unnamed = &cloud.Unnamed{Setting: "id", Where: "wrangler.json:3", Create: "it", Hint: hint}
	w := script
	w.Bindings = []cloud.Binding{b}
	return w
}

// bound returns the live version's binding of a name.
func (w *world) bound(name string) cloud.Binding {
	w.t.Helper()
	acts, err := w.workers().Activations(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := w.workers().Version(w.t.Context(), acts[0].Versions[0].Version)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range v.Bindings {
		if b.Name == name {
			return b
		}
	}
	w.t.Fatalf("the live version has no binding %s", name)
	return cloud.Binding{}
}

func fieldOf(b cloud.Binding, name string) string {
	var s string
	_ = json.Unmarshal(b.Fields[name], &s)
	return s
}

// takenOver makes a Worker of another tool live, with one binding.
func (w *world) takenOver(b cloud.Binding) {
	w.t.Helper()
	foreign := script
	foreign.Bindings = []cloud.Binding{b}
	if err := w.workers().PutScript(w.t.Context(), cloud.Upload{Worker: foreign}); err != nil {
		w.t.Fatal(err)
	}
}

var sessions = cloud.Binding{Name: "SESSION_Data", Type: "kv_namespace"}

// A deploy creates a namespace that the configuration does not name, with wrangler's title for it.
// The plan says so and creates nothing. Later deploys keep it without another request.
func TestNamespaceIsProvisioned(t *testing.T) {
	t.Parallel()
	w := start(t)
	of := unnamed(sessions, "")
	const title = "blog-session-data"
	p, err := w.engine().Plan(t.Context(), history(one)[0], of, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]plan.Resource{{Binding: "SESSION_Data", Title: title}}, p.Resources); d != "" {
		t.Errorf("the plan (-want +got):\n%s", d)
	}
	if _, err := w.account.FindNamespace(t.Context(), title); !errors.Is(err, cloud.ErrNotFound) {
		t.Errorf("after the plan the namespace: %v", err)
	}
	past := history(one, two)
	if _, err := w.engine().Deploy(t.Context(), past[0], of, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	id, err := w.account.FindNamespace(t.Context(), title)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 7} {
		kinds := w.counted(func() {
			if _, err := w.engine().Deploy(t.Context(), past[i], of, plan.Options{}); err != nil {
				t.Fatal(err)
			}
		})
		if b := w.bound("SESSION_Data"); fieldOf(b, "namespace_id") != id || b.Type != "kv_namespace" {
			t.Errorf("deploy %d: the binding is %+v, want the namespace %s", i, b, id)
		}
		if len(kinds) > want {
			t.Errorf("deploy %d: requests %v, want at most %d", i, kinds, want)
		}
	}
}

// An existing namespace with that title is used, for example one of a run that failed.
func TestNamespaceIsFoundByTitle(t *testing.T) {
	t.Parallel()
	w := start(t)
	id, err := w.account.CreateNamespace(t.Context(), "blog-session-data")
	if err != nil {
		t.Fatal(err)
	}
	res, err := w.engine().Deploy(t.Context(), history(one)[0], unnamed(sessions, ""), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]plan.Resource{{Binding: "SESSION_Data", Title: "blog-session-data", ID: id}},
		res.Plan.Resources); d != "" {
		t.Errorf("the plan (-want +got):\n%s", d)
	}
	if got := fieldOf(w.bound("SESSION_Data"), "namespace_id"); got != id {
		t.Errorf("the namespace is %s, want %s", got, id)
	}
}

// A namespace that another binding of the Worker uses, or that has the files of sites, is not used
// because of its title.
func TestNamespaceOfAnotherIsNotTaken(t *testing.T) {
	t.Parallel()
	w := start(t)
	two := unnamed(sessions, "")
	two.Bindings = append(two.Bindings, unnamed(cloud.Binding{Name: "session_data", Type: "kv_namespace"}, "").Bindings...)
	_, err := w.engine().Deploy(t.Context(), history(one)[0], two, plan.Options{})
	wantCase(t, err, guard.Resource, finding.CaseTitleTaken)

	c := w.timed()
	c.NamespaceTitle = "blog-session-data"
	e, err := kvsync.New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Deploy(t.Context(), history(one)[0], unnamed(sessions, ""), plan.Options{})
	wantCase(t, err, guard.Resource, finding.CaseTitleTaken)
	if _, err := w.account.FindNamespace(t.Context(), "blog-session-data"); !errors.Is(err, cloud.ErrNotFound) {
		t.Errorf("the namespace: %v", err)
	}
}

// The binding of the active version has precedence, because its namespace has the data. A binding
// of another type does not count.
func TestBindingIsInherited(t *testing.T) {
	t.Parallel()
	w := start(t)
	if _, err := w.account.CreateNamespace(t.Context(), "blog-session-data"); err != nil {
		t.Fatal(err)
	}
	full, err := w.account.CreateNamespace(t.Context(), "with the data")
	if err != nil {
		t.Fatal(err)
	}
	live := sessions
	live.Fields = map[string]json.RawMessage{"namespace_id": cloud.JSONString(full)}
	w.takenOver(live)
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], unnamed(sessions, ""),
		plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	if got := fieldOf(w.bound("SESSION_Data"), "namespace_id"); got != full {
		t.Errorf("the namespace is %s, want that of the active version, %s", got, full)
	}
	_, err = w.engine().Plan(t.Context(), history(one)[0], unnamed(cloud.Binding{Name: "SESSION_Data", Type: "d1"}, ""),
		plan.Options{})
	wantCase(t, err, guard.Resource, finding.CaseNoResource)
}

// Other resources are inherited if the configuration is otherwise the same. They are never created.
func TestOtherResourcesAreInherited(t *testing.T) {
	t.Parallel()
	eu := map[string]json.RawMessage{"jurisdiction": cloud.JSONString("eu")}
	bucket := func(fields map[string]json.RawMessage) cloud.Binding {
		return cloud.Binding{Name: "FILES", Type: "r2_bucket", Fields: fields}
	}
	for name, c := range map[string]struct {
		live, mine cloud.Binding
		hint       string
		refused    bool
	}{
		"the same": {
			bucket(map[string]json.RawMessage{"bucket_name": cloud.JSONString("b")}), bucket(nil), "", false,
		},
		"the same jurisdiction": {
			bucket(map[string]json.RawMessage{"bucket_name": cloud.JSONString("b"), "jurisdiction": eu["jurisdiction"]}),
			bucket(eu), "", false,
		},
		"another jurisdiction": {
			bucket(map[string]json.RawMessage{"bucket_name": cloud.JSONString("b")}), bucket(eu), "", true,
		},
		"no jurisdiction any more": {
			bucket(map[string]json.RawMessage{"bucket_name": cloud.JSONString("b"), "jurisdiction": eu["jurisdiction"]}),
			bucket(nil), "", true,
		},
		"a database with a name": {
			cloud.Binding{Name: "FILES", Type: "d1", Fields: map[string]json.RawMessage{"id": cloud.JSONString("1")}},
			cloud.Binding{Name: "FILES", Type: "d1"}, "orders", false,
		},
		"nothing live": {
			cloud.Binding{Name: "OTHER", Type: "json", Fields: map[string]json.RawMessage{"json": json.RawMessage("1")}},
			bucket(nil), "", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.takenOver(c.live)
			res, err := w.engine().Deploy(t.Context(), history(one)[0], unnamed(c.mine, c.hint), plan.Options{TakeOver: true})
			if c.refused {
				wantCase(t, err, guard.Resource, finding.CaseNoResource)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.live.Fields, w.bound("FILES").Fields); d != "" {
				t.Errorf("the binding (-want +got):\n%s", d)
			}
			noticed := slices.ContainsFunc(res.Plan.Notices, func(n manifest.Problem) bool {
				return n.Finding != nil && n.Finding.Case == finding.CaseNameUnchecked
			})
			if noticed != (c.hint != "") {
				t.Errorf("notices %v", res.Plan.Notices)
			}
		})
	}
}

// In the layout kv-assets the code is built late, but its bindings are known before.
func TestNamespaceIsProvisionedInKVAssets(t *testing.T) {
	t.Parallel()
	w := startAssets(t)
	made := w.code.worker()
	build := *made.Build
	made.Bindings = unnamed(sessions, "").Bindings
	made.Build = &cloud.Build{Make: func(ctx context.Context, index []byte) (cloud.Worker, error) {
		out, err := build.Make(ctx, index)
		out.Bindings = made.Bindings
		return out, err
	}}
	past := history(one, two)
	for _, src := range past {
		if _, err := w.engine().Deploy(t.Context(), src, made, plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	id, err := w.account.FindNamespace(t.Context(), "blog-session-data")
	if got := fieldOf(w.bound("SESSION_Data"), "namespace_id"); err != nil || got != id {
		t.Errorf("the namespace is %s, want %s, %v", got, id, err)
	}
}

// A binding with a stand-in gets it, unless the active version has a resource for that binding.
func TestStandIn(t *testing.T) {
	t.Parallel()
	w := start(t)
	of := unnamed(cloud.Binding{Name: "DB", Type: "d1"}, "orders")
	of.Bindings[0].Unnamed.Field, of.Bindings[0].Unnamed.StandIn = "id", "local-orders"
	past := history(one, two)
	for i, c := range past {
		if _, err := w.engine().Deploy(t.Context(), c, of, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := fieldOf(w.bound("DB"), "id"); got != "local-orders" {
			t.Errorf("deploy %d: the database is %q", i, got)
		}
	}
	w = start(t)
	w.takenOver(cloud.Binding{Name: "DB", Type: "d1", Fields: map[string]json.RawMessage{"id": cloud.JSONString("full")}})
	if _, err := w.engine().Deploy(t.Context(), past[0], of, plan.Options{TakeOver: true}); err != nil {
		t.Fatal(err)
	}
	if got := fieldOf(w.bound("DB"), "id"); got != "full" {
		t.Errorf("the database is %q, want that of the active version", got)
	}
}

// The plan of a deletion names the namespaces that deploys created for bindings, and only those.
// They are not deleted.
func TestDeleteNamesNamespacesThatStay(t *testing.T) {
	t.Parallel()
	w := start(t)
	own, err := w.account.CreateNamespace(t.Context(), "blog-own")
	if err != nil {
		t.Fatal(err)
	}
	given, err := w.account.CreateNamespace(t.Context(), "given")
	if err != nil {
		t.Fatal(err)
	}
	of := unnamed(sessions, "")
	for name, id := range map[string]string{"GIVEN": given, "OWN": given} {
		of.Bindings = append(of.Bindings, cloud.Binding{Name: name, Type: "kv_namespace",
			Fields: map[string]json.RawMessage{"namespace_id": cloud.JSONString(id)}})
	}
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], of, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	id := fieldOf(w.bound("SESSION_Data"), "namespace_id")
	d := w.mustDelete()
	want := []deletion.Namespace{{Binding: "SESSION_Data", Title: "blog-session-data", ID: id}}
	if d := cmp.Diff(want, d.Bound); d != "" {
		t.Errorf("the plan of the deletion (-want +got):\n%s", d)
	}
	for title, want := range map[string]string{"blog-session-data": id, "blog-own": own, "given": given} {
		if got, err := w.account.FindNamespace(t.Context(), title); err != nil || got != want {
			t.Errorf("after the deletion the namespace %s is %s, %v", title, got, err)
		}
	}
}
