package kvsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
)

// shopIn is another process's engine of the project "shop".
func shopIn(t *testing.T, kv memoryKV) *Engine {
	t.Helper()
	e, err := New(site.Config{Project: "shop", Namespace: "ns", Account: kv})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deployedTwice is a KV in which the project was deployed twice.
func deployedTwice(t *testing.T) memoryKV {
	t.Helper()
	kv := memoryKV{}
	deployText(t, kv, "one")
	deployText(t, kv, "two")
	return kv
}

func deployText(t *testing.T, kv memoryKV, body string) {
	t.Helper()
	if _, err := shopIn(t, kv).Deploy(t.Context(), textSource(kv, body), cloud.Worker{}, plan.Options{}); err != nil {
		t.Fatal(err)
	}
}

// textSource returns a folder with one page. Its bytes are in kv, under keys that belong to no site
// or project.
func textSource(kv memoryKV, body string) *listed {
	src := &listed{&manifest.Manifest{}, kv, "source"}
	ref := manifest.Ref{Hash: manifest.HashOf([]byte(body))}
	kv[src.k.Blob(ref)] = []byte(body)
	src.Assets = []manifest.Asset{{Path: "/index.html", Blob: ref, Size: int64(len(body)),
		ContentType: "text/html; charset=utf-8"}}
	return src
}

// Whatever the value of current, nothing is done with it, and the error says what to do.
func TestProjectHostileCurrent(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	version := func(at object) object { return at["version"].(object) }
	for name, c := range map[string]struct {
		change func(object)
		says   string
	}{
		"it says nothing of itself": {func(at object) { version(at)["kv_sync"] = nil }, "not written by kv-sync"},
		"it has no stamp":           {func(at object) { delete(version(at), "kv_sync") }, "not written by kv-sync"},
		"its stamp is a list": {func(at object) { version(at)["kv_sync"] = []any{} },
			"not written by kv-sync"},
		"another project's": {func(at object) { version(at)["project"] = "shop2" },
			"not written by kv-sync"},
		"a version of null members": {func(at object) { at["version"] = object{"project": "shop"} },
			"not written by kv-sync"},
		"it serves another project's": {func(at object) { version(at)["served"] = "../../shop2/b/x" },
			"not written by kv-sync"},
		"a number for a version":          {func(at object) { at["version"] = 1 }, "not written by kv-sync"},
		"no activation":                   {func(at object) { at["activations"] = []any{} }, "not written by kv-sync"},
		"a number for activations":        {func(at object) { at["activations"] = 1 }, "not written by kv-sync"},
		"a newer format":                  {func(at object) { at["format"] = 3 }, "a newer release"},
		"format 2 without an incarnation": {func(at object) { at["format"] = 2 }, "not written by kv-sync"},
		"an incarnation in format 1": {func(at object) { at["incarnation"] = "0123456789abcdef" },
			"not written by kv-sync"},
		"a tombstone without an incarnation": {func(at object) {
			at["format"], at["deleted"] = 2, "2026-12-01T00:00:00Z"
			delete(at, "activations")
		}, "not written by kv-sync"},
		"a newer format of another shape": {func(at object) { at["format"], at["activations"] = 3, object{} },
			"a newer release"},
		"a newer version": {func(at object) { version(at)["format"] = 2 }, "a newer release"},
		"a newer version of another shape": {func(at object) {
			version(at)["format"], version(at)["modules"] = 2,
				[]any{}
		}, "a newer release"},
		"its older version is another's key": {func(
			at object) {
			at["activations"].([]any)[1].(object)["version"] = "../../shop2/current"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kv := deployedTwice(t)
			var at object
			if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil {
				t.Fatal(err)
			}
			c.change(at)
			if list, ok := at["activations"].([]any); ok && len(list) > 0 { // the id of what is there now
				b, _ := json.Marshal(at["version"])
				list[0].(object)["version"] = manifest.Ref{Hash: manifest.HashOf(b)}.String()
			}
			kv["project/shop/current"], _ = json.Marshal(at)
			src := textSource(kv, "three")
			before := maps.Clone(kv)
			for what, do := range map[string]func(*Engine) error{
				"deploy": func(e *Engine) error {
					_, err := e.Deploy(t.Context(), src, cloud.Worker{}, plan.Options{})
					return err
				},
				"rollback": func(e *Engine) error { _, err := e.Rollback(t.Context(), RollbackOptions{}); return err },
				"prune":    func(e *Engine) error { _, err := e.Prune(t.Context(), layout.PruneOptions{}); return err },
				"history":  func(e *Engine) error { _, err := e.History(t.Context()); return err },
			} {
				if what == "deploy" && c.says == "" {
					continue // it is about what was active before
				}
				err := do(shopIn(t, kv))
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "shop") {
					t.Errorf("%s: %v, want %q", what, err, c.says)
				}
			}
			if !maps.EqualFunc(before, kv, bytes.Equal) {
				t.Error("something was written or deleted")
			}
			switch c.says {
			case "not written by kv-sync":
				checkRepaired(t, kv, "project/shop/")
			case "a newer release":
				_, err := shopIn(t, kv).Deploy(t.Context(), src, cloud.Worker{}, plan.Options{Repair: true})
				if !errors.Is(err, manifest.ErrNewer) || !maps.EqualFunc(before, kv, bytes.Equal) {
					t.Errorf("a repair: %v, want %v and no write", err, manifest.ErrNewer)
				}
			}
		})
	}
}

// checkRepaired deploys with a repair. The live deployment is then complete, and below the prefix.
func checkRepaired(t *testing.T, kv memoryKV, prefix string) {
	t.Helper()
	src := textSource(kv, "mended")
	e, notes := shopIn(t, kv), []string{}
	e.client.Progress = func(p site.Progress) { notes = append(notes, p.Note) }
	if _, err := e.Deploy(t.Context(), src, cloud.Worker{}, plan.Options{Repair: true}); err != nil {
		t.Fatalf("a repair: %v", err)
	}
	if !slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "read project/shop/current: ") }) {
		t.Errorf("the run does not say what it replaced: %q", notes)
	}
	for range 2 { // it goes on as usual
		past, err := shopIn(t, kv).History(t.Context())
		if err != nil || !past[0].Live || kv[prefix+"m/"+past[0].Meta.Manifest] == nil {
			t.Fatalf("history: %+v, %v; want a manifest below %s", past, err, prefix)
		}
		if v, err := shopIn(t, kv).Verify(t.Context(), true); err != nil || !v.Whole() {
			t.Fatalf("verify: %+v, %v", v, err)
		}
		deployText(t, kv, "after")
	}
	if _, err := shopIn(t, kv).Rollback(t.Context(), RollbackOptions{}); err != nil {
		t.Errorf("rollback: %v", err)
	}
}

// A repair replaces a value that is not JSON. It keeps the incarnation of the project's keys,
// because its Durable Object has that name. If there are no keys, the project may have been
// deleted, and the new one must not have the same incarnation.
func TestProjectRepairKeepsTheIncarnation(t *testing.T) {
	t.Parallel()
	kv := deployedTwice(t)
	kv["project/shop/current"] = []byte("{")
	checkRepaired(t, kv, "project/shop/")

	e := shopIn(t, kv)
	planned, err := e.PlanDelete(t.Context(), false)
	if err == nil {
		err = e.Delete(t.Context(), planned)
	}
	if err != nil {
		t.Fatal(err)
	}
	deployText(t, kv, "another one")
	var at pointer
	if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil || at.Incarnation.IsZero() {
		t.Fatalf("%+v, %v", at, err)
	}
	kv["project/shop/current"] = []byte("{")
	checkRepaired(t, kv, "project/shop@"+at.Incarnation.String()+"/")

	empty := memoryKV{"project/shop/current": []byte("{")}
	deploy := func(opt plan.Options) error {
		_, err := shopIn(t, empty).Deploy(t.Context(), textSource(empty, "one"), cloud.Worker{}, opt)
		return err
	}
	if err := errors.Join(deploy(plan.Options{Repair: true}), deploy(plan.Options{})); err != nil {
		t.Fatal(err)
	}
	at = pointer{}
	if err := json.Unmarshal(empty["project/shop/current"], &at); err != nil || at.Incarnation.IsZero() {
		t.Errorf("%+v, %v; want an incarnation", at, err)
	}
}

// The version in the pointer must be the one that the activations name. Otherwise nothing is done
// with it.
func TestProjectCurrentHoldsAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pointer){
		"a byte of it is another": func(at *pointer) {
			at.Version = bytes.Replace(at.Version, []byte("shop:"),
				[]byte("shop2:"), 1)
		},
		"it is not there":           func(at *pointer) { at.Version = nil },
		"it is the one before":      func(at *pointer) { at.Activations[0].Version = at.Activations[1].Version },
		"what names it is no name":  func(at *pointer) { at.Activations[0].Version = "../../shop2/current" },
		"what names it has no hash": func(at *pointer) { at.Activations[0].Version = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kv := deployedTwice(t)
			var at pointer
			if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil {
				t.Fatal(err)
			}
			change(&at)
			kv["project/shop/current"], _ = marshalJSON(at)
			src := textSource(kv, "three")
			before := maps.Clone(kv)
			for what, do := range map[string]func(*Engine) error{
				"deploy": func(e *Engine) error {
					_, err := e.Deploy(t.Context(), src, cloud.Worker{}, plan.Options{TakeOver: true})
					return err
				},
				"rollback": func(e *Engine) error { _, err := e.Rollback(t.Context(), RollbackOptions{}); return err },
				"prune":    func(e *Engine) error { _, err := e.Prune(t.Context(), layout.PruneOptions{}); return err },
				"history":  func(e *Engine) error { _, err := e.History(t.Context()); return err },
				"verify":   func(e *Engine) error { _, err := e.Verify(t.Context(), false); return err },
			} {
				if err := do(shopIn(t, kv)); !errors.Is(err, manifest.ErrDamaged) ||
					!strings.Contains(err.Error(), "project/shop/current") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if !maps.EqualFunc(before, kv, bytes.Equal) {
				t.Error("something was written or deleted")
			}
			checkRepaired(t, kv, "project/shop/")
		})
	}
}

// A version whose bytes differ from those that were written is never made live again, and prune
// then deletes nothing. A person who deletes it, as the error says, can continue without it.
func TestProjectDamagedVersion(t *testing.T) {
	t.Parallel()
	kv := deployedTwice(t)
	past, err := shopIn(t, kv).History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key := "project/shop/b/" + past[1].Version
	kv[key] = bytes.Replace(kv[key], []byte(`"format":1`), []byte(`"format":0`), 1)
	before := maps.Clone(kv)
	if _, err := shopIn(t, kv).Rollback(t.Context(), RollbackOptions{}); !errors.Is(err, manifest.ErrDamaged) ||
		!strings.HasSuffix(err.Error(), "its key is "+key) {
		t.Errorf("rollback: %v", err)
	}
	if _, err := shopIn(t, kv).Prune(t.Context(), layout.PruneOptions{}); !errors.Is(err, manifest.ErrDamaged) {
		t.Errorf("prune: %v", err)
	}
	if !maps.EqualFunc(before, kv, bytes.Equal) {
		t.Error("something was written or deleted")
	}
	delete(kv, key)
	if _, err := shopIn(t, kv).Rollback(t.Context(), RollbackOptions{}); err == nil {
		t.Error("a version that is gone was rolled back to")
	}
	deployText(t, kv, "three")
	if past, err = shopIn(t, kv).History(t.Context()); err != nil || len(past) != 3 {
		t.Errorf("history: %+v, %v", past, err)
	}
}

// The record of what is active has a limited size.
func TestProjectKeepsAHundredActivations(t *testing.T) {
	t.Parallel()
	kv := deployedTwice(t)
	var at pointer
	if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil {
		t.Fatal(err)
	}
	for len(at.Activations) < 2*project.MaxActivations {
		at.Activations = append(at.Activations, at.Activations[1])
	}
	kv["project/shop/current"], _ = marshalJSON(at)
	newest := at.Activations[0]
	deployText(t, kv, "three")
	at = pointer{}
	if err := json.Unmarshal(kv["project/shop/current"], &at); err != nil ||
		len(at.Activations) != project.MaxActivations || at.Activations[1] != newest {
		t.Errorf("%d activations are left, the second is %+v, %v", len(at.Activations), at.Activations[1], err)
	}
}

// Code that is too large for a value is refused with a reason.
func TestProjectCodeTooLarge(t *testing.T) {
	t.Parallel()
	kv := deployedTwice(t)
	before := maps.Clone(kv)
	w := cloud.Worker{Main: "index.js", CompatibilityDate: "2026-10-01", Modules: []cloud.Module{
		{Name: "index.js", Type: "application/javascript+module", Content: []byte("export default {}")},
		// and a third, in base64
		{Name: "a.bin", Type: "application/octet-stream", Content: make([]byte, manifest.MaxValueBytes/8*3)},
	}}
	_, err := shopIn(t, kv).Deploy(t.Context(), textSource(kv, "two"), w, plan.Options{})
	if g := (*guard.Error)(nil); !errors.As(err, &g) || g.Guard != guard.Size {
		t.Error(err)
	}
	if !maps.EqualFunc(before, kv, bytes.Equal) {
		t.Error("something was written")
	}
}

// A repair does not assume that any key exists, not even that of the served manifest. A repair
// without a file writes the same bytes again.
func TestProjectRepairWritesTheServedManifest(t *testing.T) {
	t.Parallel()
	kv := memoryKV{}
	empty := &listed{&manifest.Manifest{}, kv, "source"}
	for _, opt := range []plan.Options{{AllowShrink: true}, {AllowShrink: true, Repair: true}} {
		if _, err := shopIn(t, kv).Deploy(t.Context(), empty, cloud.Worker{}, opt); err != nil {
			t.Fatal(err)
		}
		var at pointer
		var v projectVersion
		if err := errors.Join(json.Unmarshal(kv["project/shop/current"], &at), json.Unmarshal(at.Version, &v)); err != nil {
			t.Fatal(err)
		}
		if kv["project/shop/b/"+v.Served] == nil {
			t.Errorf("%+v: the served manifest is not there", opt)
		}
		delete(kv, "project/shop/b/"+v.Served)
	}
}

// A rollback checks that the served manifest and the version exist, as it does for blobs.
func TestProjectRollbackNeedsTheServedManifest(t *testing.T) {
	t.Parallel()
	kv := deployedTwice(t)
	past, err := shopIn(t, kv).History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(kv["project/shop/current"])
	delete(kv, "project/shop/b/"+past[1].Meta.Keeps[1].String())
	_, err = shopIn(t, kv).Rollback(t.Context(), RollbackOptions{})
	var stopped *guard.Error
	if !errors.As(err, &stopped) || stopped.Guard != guard.Missing || !bytes.Equal(before, kv["project/shop/current"]) {
		t.Errorf("got %v, want the guard %q", err, guard.Missing)
	}
	if v, err := shopIn(t, kv).Verify(t.Context(), false); err != nil || v.Whole() {
		t.Errorf("verify: %+v, %v", v, err)
	}
}
