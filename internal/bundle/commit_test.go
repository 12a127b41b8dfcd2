package bundle_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

func mapFS(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// Code is read from the commit, even if the work tree does not have the file. A file that is
// not in the commit is read from the work tree, and a notice names it.
func TestCodeOfACommit(t *testing.T) {
	commit := mapFS(map[string]string{
		"app/src/index.ts": serving +
			`import { old } from "./old"; import t from "../t.txt"; import g from "./made.js"; import p from "pkg";
			export default { old, t, g, p, site }`,
		"app/src/old.tsx":        `export { old } from "./gone/deep"`,
		"app/src/gone/deep.ts":   `import p from "pkg"; import w from "./x.wasm"; export const old = ["old code", p, w];`,
		"app/src/gone/x.wasm":    "\x00asm old",
		"app/t.txt":              "old text",
		"node_modules/pkg/p.js":  `module.exports = "committed by mistake";`,
		"app/tsconfig.json":      `{"compilerOptions": {"strict": true}}`,
		"app/src/windows.ts":     "export const w = 1;\n",
		"app/src/unused/made.js": "",
	})
	root := project(t, map[string]string{
		"app/src/index.ts":              `export default "new code"`,
		"app/src/made.js":               `export { default } from "./made2";`,
		"app/src/made2.js":              `export default "made by a build";`,
		"app/src/old.tsx":               "export { old } from \"./gone/deep\"",
		"app/tsconfig.json":             `{}`,
		"node_modules/pkg/package.json": `{"main":"p.js"}`,
		"node_modules/pkg/p.js":         `module.exports = "installed";`,
	})
	r := mustBundle(t,
		bundle.Options{Root: filepath.Join(root, "app"), Main: "src/index.ts", Commit: commit, CommitRoot: root})
	text := mainText(t, r)
	wantParts(t, text, "old code", "made by a build", "installed")
	for _, wrong := range []string{"new code", "by mistake"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q is in the bundle:\n%s", wrong, text)
		}
	}
	var modules []string
	for _, m := range r.Modules[1:] {
		modules = append(modules, string(m.Content))
	}
	slices.Sort(modules)
	if d := cmp.Diff([]string{"\x00asm old", "old text"}, modules); d != "" {
		t.Errorf("modules (-want +got):\n%s", d)
	}
	var notices []string
	for _, n := range r.Notices {
		notices = append(notices, n.Path)
		if n.Path == "src/made.js" && !strings.Contains(n.Reason, "1 more") {
			t.Errorf("the notice %s does not count the files", n)
		}
	}
	if d := cmp.Diff([]string{"src/made.js", "tsconfig.json"}, notices); d != "" {
		t.Errorf("notices (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"src/index.ts"}, r.Differ); d != "" {
		t.Errorf("differ (-want +got):\n%s", d)
	}
}

// If the commit is checked out, commit and work tree give the same bundle without notices,
// whatever line endings the checkout has.
func TestCodeOfTheCheckedOutCommit(t *testing.T) {
	files := map[string]string{
		"src/index.ts":  serving + "import { a } from './a';\nexport default { a, site };\n",
		"src/a.ts":      "export const a = 1;\n",
		"tsconfig.json": "{}\n",
	}
	root := project(t, files)
	plain := mustBundle(t, bundle.Options{Root: root, Main: "src/index.ts"})
	committed := mustBundle(t, bundle.Options{Root: root, Main: "src/index.ts", Commit: mapFS(files)})
	if d := cmp.Diff(plain, committed); d != "" {
		t.Errorf("(-work tree +commit):\n%s", d)
	}
	for name, text := range files {
		files[name] = strings.ReplaceAll(text, "\n", "\r\n")
	}
	windows := mustBundle(t, bundle.Options{Root: project(t, files), Main: "src/index.ts", Commit: mapFS(map[string]string{
		"src/index.ts": strings.ReplaceAll(files["src/index.ts"], "\r", ""),
		"src/a.ts":     strings.ReplaceAll(files["src/a.ts"], "\r", ""),
	})})
	if len(windows.Differ) > 0 || len(windows.Notices) > 0 {
		t.Errorf("differ %v, notices %v", windows.Differ, windows.Notices)
	}
}

// With no_bundle, files are listed in the commit, and on the disk.
func TestNoBundleOfACommit(t *testing.T) {
	main := `import m from "./kv-sync-manifest.bin"; import w from "./index.wasm"; export default { m, w }`
	o := bundle.Options{
		Main: "build/shim.mjs", NoBundle: true,
		Root: project(t, map[string]string{"build/shim.mjs": "new", "build/made.wasm": "made"}),
		Commit: mapFS(
			map[string]string{
				"build/shim.mjs": main, "build/sub/index.wasm": "\x00asm", "build/.git/x.wasm": "", "build/notes.md": "",
			},
		),
	}
	want := map[string]string{"shim.mjs": main, "sub/index.wasm": "\x00asm", "made.wasm": "made"}
	for range 2 {
		r := mustBundle(t, o)
		got := map[string]string{}
		for _, m := range r.Modules {
			got[m.Name] = string(m.Content)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("modules (-want +got):\n%s", d)
		}
		o.Root = project(t, map[string]string{"other/x": ""}) // the folder is in the commit only
		delete(want, "made.wasm")
	}
}

// In a bare repository every path on the disk is one of git's own. An error in the commit's
// code is still reported.
func TestErrorInABareRepository(t *testing.T) {
	root := t.TempDir()
	inside := boundaryAt(t, root)
	if err := inside.Hide(root); err != nil {
		t.Fatal(err)
	}
	_, err := bundle.Bundle(t.Context(), bundle.Options{
		Root: root, Main: "w.js",
		Commit: mapFS(map[string]string{"w.js": `import "./a.js"; export default {}`, "a.js": "let ="}), Boundary: inside,
		Alone: true,
	})
	if err == nil || !strings.Contains(err.Error(), "a.js:1") || !strings.Contains(err.Error(), "Unexpected end of file") {
		t.Error(err)
	}
}
