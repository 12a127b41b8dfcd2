package structure

import "testing"

// packageSize is the number of files and lines of a package without its tests.
type packageSize struct{ files, lines int }

// limit is the size that no package may exceed.
var limit = packageSize{files: 25, lines: 3500}

// No package has more files or lines than the limit.
func TestPackageSize(t *testing.T) {
	sizes := map[string]packageSize{}
	files, _ := parse(t)
	for _, f := range files {
		size := sizes[f.dir]
		sizes[f.dir] = packageSize{size.files + 1, size.lines + f.lines}
	}
	for dir, size := range sizes {
		if size.files > limit.files || size.lines > limit.lines {
			t.Errorf("%s has %d files and %d lines; the limits are %d and %d",
				dir, size.files, size.lines, limit.files, limit.lines)
		}
	}
}
