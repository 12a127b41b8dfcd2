package bundle_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kv-sync/kv-sync/internal/bundle"
)

// Options.Read is called for every file of the Worker, also if the code is refused.
func TestReportsEveryFileItReads(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"src/index.ts": `import { a } from "./a"; import text from "./page.txt"; import { d } from "../shared/d.ts"; ` +
			`export default { fetch: () => new Response(a + text + d) };`,
		"src/a.ts":       `export * from "./deep/b";`,
		"src/deep/b.ts":  `export const a = "a";`,
		"src/page.txt":   "page",
		"shared/d.ts":    `export const d = "d";`,
		"src/unused.ts":  "",
		"tsconfig.json":  "{}",
		"src/plain.mjs":  "export default { fetch() {} };",
		"src/broken.ts":  `import "./a"; import "./absent"; export default {`,
		"modules/m.js":   "export default { fetch() {} };",
		"modules/a.wasm": "",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		options bundle.Options
		fails   bool
		want    []string
		not     string
	}{
		{bundle.Options{Main: "src/index.ts"}, false,
			[]string{"src/index.ts", "src/a.ts", "src/deep/b.ts", "src/page.txt", "shared/d.ts", "tsconfig.json"},
			"src/unused.ts"},
		{bundle.Options{Main: "src/broken.ts"}, true, []string{"src/broken.ts"}, "src/unused.ts"},
		{bundle.Options{Main: "src/absent.ts"}, true, []string{"src/absent.ts"}, ""},
		{bundle.Options{Main: "modules/m.js", NoBundle: true}, false, []string{"modules/m.js", "modules"}, "src/a.ts"},
	} {
		var mu sync.Mutex
		read := map[string]bool{}
		c.options.Root, c.options.Alone = root, true
		c.options.Read = func(path string) {
			mu.Lock()
			defer mu.Unlock()
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Error(err)
			}
			read[filepath.ToSlash(rel)] = true
		}
		if _, err := bundle.Bundle(t.Context(), c.options); (err != nil) != c.fails {
			t.Fatalf("%s: %v", c.options.Main, err)
		}
		for _, name := range c.want {
			if !read[name] {
				t.Errorf("%s: %s is not reported, only %v", c.options.Main, name, read)
			}
		}
		if read[c.not] {
			t.Errorf("%s: %s is reported, but it is not read", c.options.Main, c.not)
		}
	}
}
