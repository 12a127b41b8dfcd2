package planview

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/plan"
)

func TestKeptText(t *testing.T) {
	for want, kept := range map[string][]string{
		"":                                 nil,
		"1 changed file has been served":   {"/a.3f2a9c1b.js"},
		"2 changed files have been served": {"/a.3f2a9c1b.js", "/b.css"},
	} {
		got := Reader{}.keptText(&plan.Plan{Kept: kept})
		names := strings.Join(kept, ", ")
		if !strings.HasPrefix(got, want) || (got == "") != (kept == nil) || !strings.HasSuffix(got, names) {
			t.Errorf("%v: %q", kept, got)
		}
	}
}
