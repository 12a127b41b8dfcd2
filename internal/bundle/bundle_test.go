package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/bundle"
)

// library replaces the source of @kv-sync/worker in tests that check the bundle's text.
var library = fstest.MapFS{
	"src/index.ts": {
		Data: []byte(`export function serve(m: ArrayBuffer) { return new Response("site " + m.byteLength) }`),
	},
	"src/site.ts": {
		Data: []byte(
			`import manifest from "./kv-sync-manifest.bin"; import { serve } from "./index"; export default { fetch: () => ` +
				`serve(manifest) };`,
		),
	},
	"src/default.ts": {Data: []byte(`import site from "./site.js"; export default { fetch: () => site.fetch() };`)},
}

const serving = `import site from "@kv-sync/worker/site";
`

// project writes files into a new folder.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func boundaryAt(t *testing.T, top string) *boundary.Boundary {
	t.Helper()
	b, err := boundary.New(top)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustBundle(t *testing.T, o bundle.Options) *bundle.Result {
	t.Helper()
	if o.Library == nil {
		o.Library = library
	}
	r, err := bundle.Bundle(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mainText returns the bundled module.
func mainText(t *testing.T, r *bundle.Result) string {
	t.Helper()
	if len(r.Modules) == 0 || r.Modules[0].Name != r.Main {
		t.Fatalf("the first module is not the main one: %+v", r.Modules)
	}
	return string(r.Modules[0].Content)
}

func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in\n%s", p, text)
		}
	}
}

func TestDefaultWorker(t *testing.T) {
	r, err := bundle.Bundle(t.Context(), bundle.Options{Root: t.TempDir(), KeepNames: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Modules) != 1 || !r.ServesSite || len(r.Notices) > 0 {
		t.Errorf("modules %d, serves %v, notices %v", len(r.Modules), r.ServesSite, r.Notices)
	}
	wantParts(t, mainText(t, r), `from "./kv-sync-manifest.bin"`, "as default")
}

// The bundle's bytes do not depend on the folder of the project.
func TestSameBytesInEveryFolder(t *testing.T) {
	files := map[string]string{
		"app/src/index.ts": serving + `import w from "./x.wasm"; import { a } from "../../shared/a"; import c ` +
			`from "c"; export default { fetch: () => [site, w, a, c] }; export class Thing {}`,
		"app/src/x.wasm":              "\x00asm",
		"shared/a.ts":                 "export const a = import.meta.url;",
		"node_modules/c/package.json": `{"main":"c.js"}`,
		"node_modules/c/c.js":         `const z = require("./z"); module.exports = function c() { return z + __filename };`,
		"node_modules/c/z.js":         `module.exports = 1; // z`,
	}
	var first *bundle.Result
	for range 2 {
		root := project(t, files)
		r := mustBundle(t,
			bundle.Options{Root: filepath.Join(root, "app"), Main: "src/index.ts", KeepNames: true,
				Boundary: boundaryAt(t, root)})
		for _, m := range r.Modules {
			if strings.Contains(string(m.Content), filepath.Base(filepath.Dir(root))) {
				t.Errorf("%s contains the absolute path", m.Name)
			}
		}
		if first != nil {
			if d := cmp.Diff(first, r); d != "" {
				t.Errorf("the bundle depends on the project's folder:\n%s", d)
			}
		}
		first = r
	}
}

// refusals are projects that are not bundled, and parts of the message, by name.
type refusals map[string]struct {
	files   map[string]string
	options bundle.Options
	want    []string
}

func (tests refusals) run(t *testing.T) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.options.Root, tt.options.Library = project(t, tt.files), library
			if tt.options.Main == "" {
				tt.options.Main = "index.ts"
			}
			_, err := bundle.Bundle(t.Context(), tt.options)
			var refused *bundle.Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v is not a *bundle.Error", err)
			}
			wantParts(t, err.Error(), tt.want...)
			if strings.Contains(err.Error(), "mark the path") {
				t.Errorf("the message has esbuild's advice about an option that kv-sync does not have: %v", err)
			}
			if strings.Contains(err.Error(), tt.options.Root) {
				t.Errorf("the message contains the absolute path: %v", err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := refusals{
		"syntax": {
			files: map[string]string{"index.ts": "\nexport default {"},
			want:  []string{`index.ts:2: Expected identifier but found end of file`},
		},
		"unresolved": {
			files: map[string]string{
				"index.ts": "import \"nowhere\";\nimport \"./gone\";\nimport \"@scope/pkg/deep/part\";\nimport " +
					"\"pkg/part\";\nimport \"#inner\";\nimport \"pkg.css\";\nconst r = require(\"required\");export default {r}",
			},
			want: []string{
				`index.ts:1: Could not resolve "nowhere"; run npm ci before the deploy, or npm install nowhere if package.json`,
				`index.ts:2: Could not resolve "./gone"; correct the import; if a build creates`,
				`index.ts:3: Could not resolve "@scope/pkg/deep/part"; run npm ci before the deploy, or npm install @scope/pkg if`,
				`index.ts:4: Could not resolve "pkg/part"; run npm ci before the deploy, or npm install pkg if`,
				`index.ts:7: Could not resolve "required"; run npm ci`,
			},
		},
		"beside": {
			files: map[string]string{"index.ts": "import \"other.ts\";\nexport default {}", "other.ts": ""},
			want: []string{
				`index.ts:1: Could not resolve "other.ts"; run npm ci before the deploy, or npm install other.ts if ` +
					`package.json does not have it yet; write "./other.ts" for a file beside this one`,
			},
		},
		"node without the flag": {
			files:   map[string]string{"index.ts": "\nimport fs from \"node:fs\";\nexport default { fs }"},
			options: bundle.Options{CompatibilityDate: "2026-01-01"},
			want:    []string{`index.ts:2: "node:fs" is a module of node`, `Add "nodejs_compat" to compatibility_flags`},
		},
		"node forbidden": {
			files:   map[string]string{"index.ts": "import fs from \"fs\";\nexport default { fs }"},
			options: bundle.Options{CompatibilityDate: "2026-11-01", CompatibilityFlags: []string{"no_nodejs_compat"}},
			want:    []string{`index.ts:1: "fs" is a module of node`, `Remove "no_nodejs_compat"`},
		},
		"no main": {
			options: bundle.Options{Main: "dist/worker.js"},
			want:    []string{`dist/worker.js: the Worker's main file does not exist`, "kv-sync runs none"},
		},
		"main a folder": {
			files: map[string]string{"index.ts/x": ""},
			want:  []string{`index.ts: the Worker's main file cannot be read: it is not a regular file`},
		},
		"python": {
			files: map[string]string{"main.py": ""}, options: bundle.Options{Main: "main.py"}, want: []string{"Python"},
		},
		"style sheet": {
			files: map[string]string{"index.ts": `import "./a.css"; export default {}`, "a.css": "p{}"},
			want:  []string{"index.css", "as text"},
		},
		"workers sites": {
			files: map[string]string{"index.ts": `import m from "__STATIC_CONTENT_MANIFEST"; export default { m }`},
			want:  []string{"index.ts:1: __STATIC_CONTENT_MANIFEST belongs to wrangler's Workers Sites", "docs/workers.md"},
		},
		"no such part": {
			files: map[string]string{"index.ts": `import m from "@kv-sync/worker/sites"; export default { m }`},
			want:  []string{`index.ts:1: "@kv-sync/worker/sites" is not part of @kv-sync/worker`},
		},
		"hidden rule": {
			files:   map[string]string{"index.ts": `import m from "./a.txt"; export default { m }`, "a.txt": ""},
			options: bundle.Options{Rules: []bundle.Rule{{Type: "Text", Globs: []string{"**/*.md"}}}},
			want:    []string{`index.ts:1: the rule of type Text that matches "./a.txt" is hidden`, "fallthrough"},
		},
		"unknown rule": {
			options: bundle.Options{Rules: []bundle.Rule{{Type: "PythonModule"}}}, files: map[string]string{"index.ts": ""},
			want: []string{`"PythonModule" are not supported`},
		},
		"missing wasm": {
			files: map[string]string{"index.ts": "import w from './w.wasm'; export default { w }"},
			want:  []string{`index.ts:1: Could not resolve "./w.wasm"`},
		},
	}
	tests.run(t)
}

func TestRulesAndSettings(t *testing.T) {
	root := project(t, map[string]string{
		"index.jsx": serving +
			`import t from "./notes.md"; import u from "./u.txt"; import { x } from "aliased"; import d from "./deep/d.dat";
			export default { t, u, x, d, site, v: VERSION, e: process.env.NODE_ENV, j: <a/> }`,
		"notes.md": "notes", "u.txt": "u", "deep/d.dat": "d", "x.ts": "export const x = 'from x';",
	})
	r := mustBundle(t, bundle.Options{
		Root: root, Main: "index.jsx", PreserveFileNames: true, Minify: true, JSXFactory: "make",
		Rules: []bundle.Rule{
			{Type: "Text", Globs: []string{"**/*.md"}, Fallthrough: true}, {Type: "Data", Globs: []string{"./deep/*.dat"}},
		},
		Define: map[string]string{"VERSION": `"v9"`}, Alias: map[string]string{"aliased": "./x"},
	})
	var names []string
	for _, m := range r.Modules {
		names = append(names, m.Name+" "+m.Type)
	}
	want := []string{"index.js application/javascript+module", "d.dat application/octet-stream", "notes.md text/plain",
		"u.txt text/plain"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("modules (-want +got):\n%s", d)
	}
	wantParts(t, mainText(t, r), `"from x"`, `"v9"`, `"production"`, "make(")
}

func TestWorkerThatServesNoSite(t *testing.T) {
	root := project(t, map[string]string{"index.ts": `export default { fetch: () => new Response("hi") }`})
	r := mustBundle(t, bundle.Options{Root: root, Main: "index.ts"})
	if r.ServesSite || len(r.Notices) != 1 || r.Notices[0].Path != "index.ts" ||
		!strings.Contains(r.Notices[0].Fix, "@kv-sync/worker/site") {
		t.Errorf("serves %v, notices %v", r.ServesSite, r.Notices)
	}
	root = project(t,
		map[string]string{"index.ts": `import m from "@kv-sync/worker/manifest"; export default { fetch: () => new ` +
			`Response(m) }`})
	if r := mustBundle(t, bundle.Options{Root: root, Main: "index.ts"}); !r.ServesSite || len(r.Notices) > 0 {
		t.Errorf("serves %v, notices %v", r.ServesSite, r.Notices)
	}
	// A Dynamic Worker has no manifest module.
	if _, err := bundle.Bundle(t.Context(), bundle.Options{Root: root, Main: "index.ts", Dynamic: true}); err == nil ||
		!strings.Contains(err.Error(), "env.ASSETS.fetch") {
		t.Errorf("a project's code that reads a manifest: %v", err)
	}
	for main, want := range map[string]string{
		`export const fetch = () => new Response()`: "no default export",
		`import { serveProject } from "@kv-sync/worker/dynamic"; export default { serveProject }`: "is for the Worker " +
			"that loads projects",
	} {
		root := project(t, map[string]string{"index.ts": main})
		if _, err := bundle.Bundle(t.Context(), bundle.Options{Root: root, Main: "index.ts", Dynamic: true}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", main, err)
		}
	}
	root = project(t, map[string]string{"index.ts": `export default { fetch: (r, env) => env.ASSETS.fetch(r) }`})
	if r := mustBundle(t, bundle.Options{Root: root, Main: "index.ts", Dynamic: true}); len(r.Notices) > 0 {
		t.Errorf("notices %v", r.Notices)
	}
}

func TestNoBundle(t *testing.T) {
	files := map[string]string{
		"build/shim.mjs": `import m from "./kv-sync-manifest.bin"; import w from "./index.wasm"; export default ` +
			`{ m, w }`,
		"build/index.wasm":        "\x00asm",
		"build/snippets/a.js":     "export const a = 1;",
		"build/readme.md":         "not sent",
		"build/node_modules/x.js": "",
	}
	o := bundle.Options{Main: "build/shim.mjs", NoBundle: true,
		Rules: []bundle.Rule{{Type: "ESModule", Globs: []string{"**/*.js"}}}}
	o.Root = project(t, files)
	r := mustBundle(t, o)
	got := map[string]string{}
	for _, m := range r.Modules {
		got[m.Name] = m.Type
	}
	want := map[string]string{"shim.mjs": "application/javascript+module", "index.wasm": "application/wasm",
		"snippets/a.js": "application/javascript+module"}
	if d := cmp.Diff(want, got); d != "" || r.Main != "shim.mjs" || !r.ServesSite {
		t.Errorf("main %s, serves %v, modules (-want +got):\n%s", r.Main, r.ServesSite, d)
	}

	// Without a main file there is nothing to send unchanged, and the default Worker is used.
	plain := mustBundle(t, bundle.Options{Root: o.Root})
	if r := mustBundle(t, bundle.Options{Root: o.Root, NoBundle: true, Rules: o.Rules}); !r.ServesSite ||
		len(r.Modules) != len(plain.Modules) || !bytes.Equal(r.Modules[0].Content, plain.Modules[0].Content) {
		t.Errorf("without a main file: serves %v, %d modules", r.ServesSite, len(r.Modules))
	}

	for reason, change := range map[string]map[string]string{
		"cannot be resolved":        {"build/shim.mjs": serving},
		"the file's name cannot be": {"build/a\"b.js": ""},
		"only JavaScript modules":   {},
	} {
		files, o := maps.Clone(files), o
		maps.Copy(files, change)
		if len(change) == 0 {
			o.Main = "build/readme.md"
		}
		o.Root, o.Library = project(t, files), library
		if _, err := bundle.Bundle(t.Context(), o); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("error %v, want %q", err, reason)
		}
	}
}

func TestTooLarge(t *testing.T) {
	root := project(t,
		map[string]string{"index.ts": `import b from "./b.bin"; import c from "./c.bin"; export default { b, c }`})
	for _, size := range []int64{33 << 20, 65 << 20} {
		for _, name := range []string{"b.bin", "c.bin"} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(root, name), size); err != nil {
				t.Fatal(err)
			}
		}
		_, err := bundle.Bundle(t.Context(), bundle.Options{Root: root, Main: "index.ts", Library: library})
		var refused *bundle.Error
		if !errors.As(err, &refused) {
			t.Errorf("two modules of %d MiB: %v", size>>20, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bundle.Bundle(ctx, bundle.Options{Root: t.TempDir(), Library: library}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("error %v", err)
	}
}
