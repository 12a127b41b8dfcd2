package bundle_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/worker"
)

// overlayLibrary replaces the source of @kv-sync/worker. It has the modules for overlays.
var overlayLibrary = fstest.MapFS{
	"src/site.ts": {
		Data: []byte(
			`import manifest from "./kv-sync-manifest.bin"; export default { fetch: () => new Response(manifest) };`,
		),
	},
	"src/default.ts": {Data: []byte(`export { default } from "./site";`)},
	"src/default_overlay.ts": {
		Data: []byte(
			`import site from "./site"; import { put } from "./read_write"; export { AssetBinding } from "./read_write"; ` +
				`export default { ...site, put };`,
		),
	},
	"src/read_write.ts": {
		Data: []byte(
			`import site from "./site"; export const put = (path: string) => ["written", path, site]; export class ` +
				`AssetBinding {}`,
		),
	},
	"src/router.ts": {
		Data: []byte(`import site from "./site"; export const route = (main, settings) => ({ ...site, main, settings });`),
	},
	"src/router_overlay.ts": {
		Data: []byte(
			`import { put } from "./read_write"; import { route as behind } from "./router"; export { AssetBinding } from ` +
				`"./read_write"; export const route = (m, s) => behind(m, { ...s, put });`,
		),
	},
	"src/overlay.ts": {
		Data: []byte(
			`import { DurableObject } from "cloudflare:workers"; export class Overlay extends DurableObject {} export ` +
				`default {};`,
		),
	},
}

func TestDefaultWorkerWithOverlay(t *testing.T) {
	root := t.TempDir()
	without := mustBundle(t, bundle.Options{Root: root, Library: overlayLibrary})
	if text := mainText(t, without); strings.Contains(text, "written") {
		t.Errorf("a site without an overlay writes:\n%s", text)
	}
	with := mustBundle(t, bundle.Options{Root: root, Library: overlayLibrary, Overlay: true})
	wantParts(t, mainText(t, with), "written", "AssetBinding", "as default")
	if !with.ServesSite {
		t.Error("it does not serve the site")
	}
}

// With an overlay the router exports AssetBinding, which other Workers use, and everything that
// the author's module exports. If the author exports that name, the author's class is used.
func TestRouterWithOverlay(t *testing.T) {
	routing := &bundle.Routing{Binding: "ASSETS"}
	for name, tt := range map[string]struct {
		code string
		ours bool
	}{
		"no such export":       {ignoresSite, true},
		"a class of that name": {`export class AssetBinding {} export default {};`, false},
		"renamed export":       {`class Other {} export { Other as AssetBinding }; export default {};`, false},
		"class without export": {`class AssetBinding {} export default { a: AssetBinding };`, true},
	} {
		for _, noBundle := range []bool{false, true} {
			root := project(t, map[string]string{"index.mjs": tt.code})
			o := bundle.Options{Root: root, Main: "index.mjs", Library: overlayLibrary, Routing: routing, NoBundle: noBundle}
			if text := mainText(t, mustBundle(t, o)); strings.Contains(text, "written") ||
				strings.Contains(text, "AssetBinding") {
				t.Errorf("%s: without an overlay the router is\n%s", name, text)
			}
			o.Overlay = true
			r := mustBundle(t, o)
			text := mainText(t, r)
			wantParts(t, text, "written", `export * from "./`)
			exports := text[strings.LastIndex(text, "export {"):]
			if r.Main != "kv-sync-router.js" || strings.Contains(exports, "AssetBinding") != tt.ours {
				t.Errorf("%s: the router exports %s", name, exports)
			}
		}
	}
}

func TestReadWriteNeedsAnOverlay(t *testing.T) {
	root := project(t,
		map[string]string{"index.ts": `import { put } from "@kv-sync/worker/read-write"; export default { fetch: put };`})
	o := bundle.Options{Root: root, Main: "index.ts", Library: overlayLibrary, Overlay: true, Routing: &bundle.Routing{}}
	r := mustBundle(t, o)
	wantParts(t, mainText(t, r), "written")
	if r.Main != "index.js" || !r.ServesSite {
		t.Errorf("code that serves the site itself got a router: %s", r.Main)
	}
	o.Overlay = false
	if _, err := bundle.Bundle(t.Context(), o); err == nil || !strings.Contains(err.Error(), "[overlay]") {
		t.Errorf("without an overlay: %v", err)
	}
}

// The bytes of a companion depend only on this binary, because a deploy compares its hash.
func TestCompanion(t *testing.T) {
	plain, err := bundle.Companion(t.Context(), t.TempDir(), overlayLibrary)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := project(t,
		map[string]string{"tsconfig.json": `{"compilerOptions": {"useDefineForClassFields": false}}`,
			"package.json": `{"type": "commonjs"}`})
	again, err := bundle.Companion(t.Context(), elsewhere, overlayLibrary)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plain, again); d != "" {
		t.Errorf("the companion depends on the project's folder:\n%s", d)
	}
	wantParts(t, mainText(t, plain), "class extends DurableObject", `from "cloudflare:workers"`, "Overlay")
	if bytes.Contains(plain.Modules[0].Content, []byte("kv-sync-manifest.bin")) {
		t.Error("the companion reads a manifest")
	}
}

// Go and TypeScript have the same number of the overlay protocol.
func TestOverlayProtocol(t *testing.T) {
	text, err := worker.Source.ReadFile("src/format/overlay_entry.ts")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("export const overlayProtocol = %d;", overlay.Protocol); !strings.Contains(string(text), want) {
		t.Errorf("src/format/overlay_entry.ts does not contain %s", want)
	}
}
