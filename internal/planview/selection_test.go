package planview

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Notes name the first files, and all of them where everything is asked for.
func TestWholeNotes(t *testing.T) {
	var paths []string
	for i := range 8 {
		paths = append(paths, fmt.Sprintf("f%d", i))
	}
	p := &plan.Plan{Kept: paths, Ignored: paths, Excluded: []manifest.Excluded{
		{Kind: manifest.ExcludedDotfile, Count: 8, First: "f0", Paths: paths},
		{Kind: manifest.ExcludedPattern, Count: 1234, First: "f0", Paths: paths},
	}}
	for _, path := range paths {
		p.Guarded = append(p.Guarded, plan.Change{Path: path})
		p.Retired = append(p.Retired, plan.RetiredFile{Path: path})
	}
	short := strings.Join(Reader{}.notes(p), "\n")
	for text, want := range map[string]int{"and 3 more": 4, "and 7 more": 1, "and 1233 more": 1, "f7": 0} {
		if got := strings.Count(short, text); got != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, got, want, short)
		}
	}
	whole := strings.Join(Reader{Whole: true}.notes(p), "\n")
	for text, want := range map[string]int{" more": 1, "and 1226 more": 1, "f7": 6} {
		if got := strings.Count(whole, text); got != want {
			t.Errorf("with everything %q is there %d times, want %d:\n%s", text, got, want, whole)
		}
	}
}
