package structure

import "testing"

// A packageSize is the number of files of a package and of their lines, tests not
// counted.
type packageSize struct{ files, lines int }

// exceptions are the packages that are larger, each with a limit of its own: they do
// not grow.
var exceptions = map[string]packageSize{
	// The local platform implements Cloudflare's API, one handler per call, around
	// one state. Its parts cannot be used without that state, and only tests and
	// `kv-sync dev` import it.
	"internal/platform": {40, 6600},
	// The engine is the stages of a run and the layouts' side of each stage. They
	// share the state of a run, and what works without it is in packages below sync/.
	"sync": {37, 6500},
}

// TestPackageSize: a package can be read in one sitting.
func TestPackageSize(t *testing.T) {
	sizes := map[string]packageSize{}
	files, _ := parse(t)
	for _, f := range files {
		size := sizes[f.dir]
		sizes[f.dir] = packageSize{size.files + 1, size.lines + f.lines}
	}
	for dir, size := range sizes {
		limit, ok := exceptions[dir]
		if !ok {
			limit = packageSize{files: 25, lines: 3500}
		}
		if size.files > limit.files || size.lines > limit.lines {
			t.Errorf("%s has %d files and %d lines, at most %d and %d are allowed: split it by concern",
				dir, size.files, size.lines, limit.files, limit.lines)
		}
	}
}
