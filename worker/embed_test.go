package worker

import (
	"io/fs"
	"path"
	"regexp"
	"testing"
)

// The embedded source has no dependency: each import names an embedded file, the manifest that a
// deploy adds, or a module of the runtime.
func TestSourceIsComplete(t *testing.T) {
	for _, entry := range []string{"src/index.ts", "src/site.ts", "src/dynamic.ts", "src/default.ts", "src/read_write.ts",
		"src/overlay.ts", "src/default_overlay.ts", "src/router_overlay.ts"} {
		if _, err := fs.Stat(Source, entry); err != nil {
			t.Errorf("entry point: %v", err)
		}
	}
	imports := regexp.MustCompile(`(?m)^(?:import|export)\b[^"]*?from "([^"]+)";`)
	found := 0
	err := fs.WalkDir(Source, "src", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Source, name)
		if err != nil {
			return err
		}
		for _, match := range imports.FindAllSubmatch(text, -1) {
			found++
			if name := string(match[1]); name == "./kv-sync-manifest.bin" || name == "cloudflare:workers" {
				continue
			}
			file := path.Join(path.Dir(name), string(match[1]))
			if path.Ext(file) == "" {
				file += ".ts"
			}
			if _, err := fs.Stat(Source, file); err != nil {
				t.Errorf("%s imports %s, which is not embedded", name, match[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 {
		t.Errorf("found only %d imports; update the expression to how imports are written", found)
	}
}
