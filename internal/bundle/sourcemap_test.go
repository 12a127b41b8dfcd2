package bundle

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// mapIn returns the sources of the map of a bundle, and its other modules.
func mapIn(t *testing.T, r *Result) (sources []string, others []cloud.Module) {
	t.Helper()
	for _, m := range r.Modules {
		if m.Type != typeSourceMap {
			others = append(others, m)
			continue
		}
		var parsed struct{ Sources, SourcesContent []string }
		if err := json.Unmarshal(m.Content, &parsed); err != nil {
			t.Fatal(err)
		}
		if len(parsed.SourcesContent) > 0 {
			t.Error("the map has the sources themselves")
		}
		sources = append(sources, parsed.Sources...)
	}
	slices.Sort(sources)
	return sources, others
}

// The map names the author's files, also if the bundled file was written by a build that has a map
// of its own. The code is the same as without a map.
func TestSourceMap(t *testing.T) {
	top := t.TempDir()
	secret := filepath.Join(top, "outside.map")
	root := filepath.Join(top, "project")
	const inner = `{"version":3,"sources":["../src/%s.ts"],"names":[],"mappings":"AAAA"}`
	for name, content := range map[string]string{
		"src/main.ts": `import { a } from "../dist/a.js"; import { b } from "../dist/b.js"; import { c } from "../dist/c.js";
			export default { fetch: () => new Response(a() + b() + c()) };`,
		"dist/a.js":     "export const a = () => 'a';\n//# sourceMappingURL=a.js.map\n",
		"dist/a.js.map": strings.ReplaceAll(inner, "%s", "own"),
		"dist/b.js":     "export const b = () => 'b';\n//# sourceMappingURL=../../outside.map\n",
		"dist/c.js":     "export const c = () => 'c';\n//# sourceMappingURL=missing.map\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, []byte(strings.ReplaceAll(inner, "%s", "secret")), 0o600); err != nil {
		t.Fatal(err)
	}
	options := Options{Root: root, Main: "src/main.ts", CompatibilityDate: "2026-01-01"}
	plain, err := Bundle(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	options.SourceMap = true
	mapped, err := Bundle(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	sources, others := mapIn(t, mapped)
	if want := []string{"dist/b.js", "dist/c.js", "src/main.ts", "src/own.ts"}; !slices.Equal(sources, want) {
		t.Errorf("the sources are %q, want %q", sources, want)
	}
	same := func(a, b cloud.Module) bool { return a.Name == b.Name && bytes.Equal(a.Content, b.Content) }
	if !slices.EqualFunc(plain.Modules, others, same) {
		t.Errorf("the code with a map differs: %v, not %v", others, plain.Modules)
	}
}

// A module that is sent unchanged has the map beside it.
func TestSourceMapUnchanged(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"main.mjs":     "export default { fetch: () => new Response('x') };\n",
		"main.mjs.map": `{"version":3,"sources":["main.rs"]}`,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Bundle(t.Context(), Options{Root: root, Main: "main.mjs", NoBundle: true, SourceMap: true,
		CompatibilityDate: "2026-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	if sources, _ := mapIn(t, r); !slices.Equal(sources, []string{"main.rs"}) {
		t.Errorf("the sources are %q", sources)
	}
}
