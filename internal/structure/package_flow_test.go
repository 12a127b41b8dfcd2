package structure

import (
	"slices"
	"strings"
	"testing"
)

// packages are the packages of the engine. Each may import those before it in the list.
var packages = []string{
	"sync/humanize",
	"sync/finding",
	"sync/wait",
	"sync/manifest",
	"sync/parts",
	"sync/cloud",
	"sync/settle",
	"sync/upload",
	"sync/overlay",
	"sync/deletion",
	"sync/project",
	"sync/version",
	"sync/plan",
	"sync/guard",
	"sync/site",
	"sync/layout",
	"sync/layout/content",
	"sync/layout/kvassets",
	"sync/layout/pathname",
	"sync",
}

// A package of the engine imports only packages before it in the list.
func TestEngineImports(t *testing.T) {
	files, _ := parse(t)
	for _, f := range files {
		if f.dir != "sync" && !strings.HasPrefix(f.dir, "sync/") {
			continue
		}
		at := slices.Index(packages, f.dir)
		if at < 0 {
			t.Errorf("%s: the package is not in the list", f.path)
			continue
		}
		for _, spec := range f.syntax.Imports {
			to, own := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if own && slices.Index(packages, to) >= at {
				t.Errorf("%s imports the later package %s", f.path, to)
			}
		}
	}
}
