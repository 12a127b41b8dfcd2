package bundle_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// Imported WebAssembly, text and data files become separate modules.
func TestSeparateModules(t *testing.T) {
	root := project(t, map[string]string{
		"package.json": `{"type":"module"}`,
		"src/index.ts": serving + `
			import add from "../lib/add.wasm";
			import again from "../lib/add.wasm?module";
			import page from "./page.html";
			import query from "./query.sql";
			import blob from "./a b.bin";
			import words from "words/list.txt";
			import { hello, type Name } from "greet";
			import view from "./view.tsx";
			import data from "./data.json";
			import "cloudflare:workers";
			const who: Name = "you";
			export default { fetch: () => [site, add, again, page, query, blob, words, hello(who), view, data] };`,
		"src/view.tsx":                    `/** @jsx h */ const h = (t: string) => t; export default <p>hi</p>;`,
		"src/data.json":                   `{"n": 41}`,
		"src/page.html":                   "<p>page</p>",
		"src/query.sql":                   "select 1",
		"src/a b.bin":                     "\x00\x01",
		"lib/add.wasm":                    "\x00asm",
		"node_modules/words/list.txt":     "one two",
		"node_modules/words/package.json": `{"name":"words"}`,
		"node_modules/greet/package.json": `{"name":"greet","exports":{"workerd":"./w.js","default":"./d.js"}}`,
		"node_modules/greet/w.js":         `export const hello = n => "workerd " + n;`,
		"node_modules/greet/d.js":         `export const hello = n => "default " + n;`,
		// An installed copy of @kv-sync/worker, which must not be used.
		"node_modules/@kv-sync/worker/package.json": `{"exports":{"./site":"./old.js"}}`,
		"node_modules/@kv-sync/worker/old.js":       `export default "an old copy";`,
	})
	r := mustBundle(t, bundle.Options{Root: root, Main: "src/index.ts"})
	got := map[string]string{}
	hash := regexp.MustCompile(`^[0-9a-f]{16}-`)
	text := mainText(t, r)
	for _, m := range r.Modules[1:] {
		if !hash.MatchString(m.Name) {
			t.Errorf("the name %s does not begin with a hash", m.Name)
		}
		if !strings.Contains(text, `"./`+m.Name+`"`) {
			t.Errorf("the Worker does not import %s", m.Name)
		}
		got[hash.ReplaceAllString(m.Name, "")] = m.Type + " " + string(m.Content)
	}
	want := map[string]string{
		"add.wasm":  "application/wasm \x00asm",
		"page.html": "text/plain <p>page</p>",
		"query.sql": "text/plain select 1",
		"a_b.bin":   "application/octet-stream \x00\x01",
		"list.txt":  "text/plain one two",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("modules (-want +got):\n%s", d)
	}
	if r.Modules[0].Type != "application/javascript+module" || !r.ServesSite {
		t.Errorf("type %q, serves %v", r.Modules[0].Type, r.ServesSite)
	}
	wantParts(t, text, `"./kv-sync-manifest.bin"`, `"workerd "`, `"cloudflare:workers"`, "n: 41")
	if strings.Contains(text, "an old copy") {
		t.Error("the installed copy of @kv-sync/worker was used")
	}
}

func TestNodeModules(t *testing.T) {
	files := map[string]string{
		"index.ts": serving + `import fs from "fs"; import { a } from "node:fs/promises"; import ` +
			`c from "legacy"; export default { fs, a, c, site }`,
		"node_modules/legacy/package.json": `{"main":"i.js"}`,
		"node_modules/legacy/i.js":         `module.exports = require("path").join;`,
	}
	for _, o := range []bundle.Options{
		{CompatibilityDate: "2026-11-01"},
		{CompatibilityDate: "2025-09-15", CompatibilityFlags: []string{"nodejs_compat"}},
		{CompatibilityDate: "2024-01-01", CompatibilityFlags: []string{"nodejs_compat", "enable_nodejs_fs_module"}},
	} {
		o.Root, o.Main = project(t, files), "index.ts"
		text := mainText(t, mustBundle(t, o))
		wantParts(t, text, `"node:fs"`, `"node:fs/promises"`, `from "node:path"`)
		if strings.Contains(text, "Dynamic require") {
			t.Errorf("the bundle contains a require, which fails at run time:\n%s", text)
		}
	}
	t.Run("a dynamic import", func(t *testing.T) {
		root := project(t, map[string]string{
			"index.ts": serving + `export default { a: () => import("node:os"), site }`,
		})
		mustBundle(t, bundle.Options{Root: root, Main: "index.ts", CompatibilityDate: "2024-01-01",
			CompatibilityFlags: []string{"nodejs_compat"}})
	})
	t.Run("an installed package with the name of a module of node", func(t *testing.T) {
		root := project(t, map[string]string{
			"index.ts":                         serving + `import b from "buffer"; export default { b, site }`,
			"node_modules/buffer/package.json": `{"main":"i.js"}`,
			"node_modules/buffer/i.js":         `module.exports = "polyfill";`,
		})
		wantParts(t,
			mainText(t, mustBundle(t, bundle.Options{Root: root, Main: "index.ts", CompatibilityDate: "2024-01-01"})),
			"polyfill")
	})
}

// A file that is imported only by dead code is not sent.
func TestUnusedModuleIsLeftOut(t *testing.T) {
	root := project(t, map[string]string{
		"index.ts":     serving + `import { used } from "./lib"; export default { used, site }`,
		"lib.ts":       `import { big } from "./big"; export const used = 1; export const unused = () => big;`,
		"big.ts":       `import text from "./big.txt"; export const big = text;`,
		"big.txt":      "big",
		"package.json": `{"sideEffects": false}`,
	})
	if r := mustBundle(t, bundle.Options{Root: root, Main: "index.ts"}); len(r.Modules) != 1 {
		t.Errorf("%s is sent, but no code imports it", r.Modules[1].Name)
	}
}
