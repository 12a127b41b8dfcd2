package source

import (
	"fmt"
	"strings"
	"testing"
)

// A few trees that name each other stand for more files than there is memory for, or
// for folders in folders without end: that is refused, wherever they are walked.
func TestTreesThatGrow(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	blob := w.gitIn(w.dir, "x", "hash-object", "-w", "--stdin")
	wide, deep := blob, blob
	for level := range 75 {
		kind := "040000 tree"
		if level == 0 {
			kind = "100644 blob"
		}
		if level < 5 {
			var lines strings.Builder
			for i := range 100 {
				fmt.Fprintf(&lines, "%s %s\t%02d\n", kind, wide, i)
			}
			wide = w.gitIn(w.dir, lines.String(), "mktree")
		}
		deep = w.gitIn(w.dir, fmt.Sprintf("%s %s\t%s\n", kind, deep, strings.Repeat("d", 250)), "mktree")
	}
	for name, tt := range map[string]struct{ tree, want string }{"wide": {wide, "more than 1000000 files"}, "deep": {deep, "without end"}} {
		c := w.openCommit(Options{Revision: w.git("commit-tree", tt.tree, "-m", name)})
		before := c.Reads().Trees
		if _, err := c.Files(t.Context(), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the listing says %v", name, err)
		}
		if n := c.Reads().Trees - before; n > maxWalked/100*2 { // each has 100 entries
			t.Errorf("%s: %d trees were read", name, n)
		}
		if name == "wide" {
			continue // the same count, and a million names in a map
		}
		var size extent
		if err := (&comparison{repository: c.repo, snapshot: snapshot{objects: c.objects}}).flatten(t.Context(), c.root, "", map[string]treeEntry{}, &size); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: the comparison says %v", name, err)
		}
	}
}
