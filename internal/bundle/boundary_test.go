package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// A tsconfig.json above the boundary is ignored: each machine may have another one there.
func TestSettingsAboveTheBoundary(t *testing.T) {
	root := project(t, map[string]string{
		"tsconfig.json": `{"compilerOptions": {"jsxFactory": "above"}}`, "package.json": `{"type": "module"}`,
		"top/w.jsx":                `const h = (x) => x, above = h; export default { fetch: () => <p>hi</p> }`,
		"top/packages/x/index.tsx": `export default <p>x</p>`,
		"with/tsconfig.json":       `{"compilerOptions": {"jsxFactory": "h"}}`,
		"with/w.tsx":               `const h = (x: string) => x; export default { fetch: () => <p>hi</p> }`,
	})
	for _, name := range []string{"top/w.jsx", "with/w.tsx"} {
		r := mustBundle(t,
			bundle.Options{Root: filepath.Join(root, filepath.Dir(name)), Main: filepath.Base(name), Alone: true})
		if text := mainText(t, r); strings.Contains(text, "above(") || strings.HasPrefix(name, "with") &&
			!strings.Contains(text, `h("p"`) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// If a tsconfig.json above the boundary would apply to some of the Worker's files but not to
// all, the code is refused.
func TestSettingsAboveForSomeFiles(t *testing.T) {
	for name, inside := range map[string]string{"beside the main file": "top/app/tsconfig.json",
		"beside the library": "top/lib/tsconfig.json"} {
		root := project(t, map[string]string{
			"tsconfig.json": "{}", inside: "{}",
			"top/app/w.ts":   `import lib from "../lib/lib"; export default { fetch: () => lib }`,
			"top/lib/lib.ts": `import "./more"; export default 1`, "top/lib/more.ts": "",
		})
		_, err := bundle.Bundle(t.Context(),
			bundle.Options{Root: filepath.Join(root, "top/app"), Main: "w.ts", Alone: true, Library: library,
				Boundary: boundaryAt(t, filepath.Join(root, "top"))})
		if err == nil || !strings.Contains(err.Error(), "tsconfig.json cannot be read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The default Worker imports nothing of the project, so settings files that are links out of the
// boundary do not prevent the deploy. esbuild reads none of them. If it did, its messages would quote
// their content.
func TestDefaultWorkerReadsNothing(t *testing.T) {
	const secret = "hunter2"
	outside := project(t, map[string]string{"file": secret, "x/package.json": secret})
	root := project(t, map[string]string{"public/index.html": ""})
	for at, target := range map[string]string{
		"node_modules": "", "package.json": "file", "tsconfig.json": "file", ".pnp.data.json": "file", ".pnp.cjs": "file",
	} {
		if err := os.Symlink(filepath.Join(outside, target), filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustBundle(t, bundle.Options{Root: root, Alone: true})
	if len(r.Notices) > 0 || strings.Contains(mainText(t, r), secret) {
		t.Errorf("notices %v", r.Notices)
	}
}

// Package managers link packages with symlinks. Symlinks that stay inside of the repository
// are followed.
func TestSymlinksInside(t *testing.T) {
	root := project(t, map[string]string{
		"apps/site/w.js": `import a from "a"; import lib from "lib"; import data from "lib/data.txt"; export default { ` +
			`fetch: () => [a, lib, data] }`,
		"node_modules/.pnpm/a@1/node_modules/a/package.json": `{"main": "a.js"}`,
		"node_modules/.pnpm/a@1/node_modules/a/a.js":         `module.exports = ["package a", require("b")];`,
		"node_modules/.pnpm/b@1/node_modules/b/index.js":     `module.exports = "package b";`,
		"packages/lib/package.json":                          `{"main": "index.ts"}`,
		"packages/lib/index.ts":                              `export default "workspace" as string;`,
		"packages/lib/data.txt":                              "workspace data",
	})
	for at, target := range map[string]string{
		"apps/site/node_modules/a":              "../../../node_modules/.pnpm/a@1/node_modules/a",
		"node_modules/.pnpm/a@1/node_modules/b": "../../b@1/node_modules/b",
		"apps/site/node_modules/lib":            "../../../packages/lib",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, at)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
	}
	r := mustBundle(t,
		bundle.Options{Root: filepath.Join(root, "apps/site"), Main: "w.js", Alone: true, Boundary: boundaryAt(t, root)})
	wantParts(t, mainText(t, r), "package a", "package b", "workspace")
	if len(r.Modules) != 2 || string(r.Modules[1].Content) != "workspace data" {
		t.Errorf("modules are %+v", r.Modules)
	}
}
