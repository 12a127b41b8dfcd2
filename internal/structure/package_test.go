package structure

import "testing"

// packageSize is the number of files and lines of a package without its tests.
type packageSize struct{ files, lines int }

// exceptions are the limits of packages that are larger than the default limit.
var exceptions = map[string]packageSize{
	// internal/platform has one handler for each call of Cloudflare's API. All handlers use the
	// same state, so they are in one package.
	"internal/platform": {40, 6600},
}

// No package has more files or lines than its limit.
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
			t.Errorf("%s has %d files and %d lines; the limits are %d and %d",
				dir, size.files, size.lines, limit.files, limit.lines)
		}
	}
}
