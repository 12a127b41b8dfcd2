package source

import (
	"errors"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// A commit whose few trees expand to millions of files, or to endlessly nested folders, is
// refused.
func TestHugeTrees(t *testing.T) {
	t.Parallel()
	w, wide, deep := gittest.Growing(t)
	for name, tt := range map[string]struct{ tree, want string }{"wide": {wide, "more than 1000000 files"},
		"deep": {deep, "without end"}} {
		c := openCommit(w, Options{Revision: w.Git("commit-tree", tt.tree, "-m", name)})
		before := c.Reads().Trees
		if _, err := c.Files(t.Context(), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the listing says %v", name, err)
		}
		var limit *LimitError
		if err := c.Measure(t.Context()); !errors.As(err, &limit) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the measure is %v", name, err)
		}
		if n := c.Reads().Trees - before; n > 2*1_000_000/100*2 { // each has 100 entries
			t.Errorf("%s: %d trees were read", name, n)
		}
	}
}
