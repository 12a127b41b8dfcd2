package worktree

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// The comparison of a commit with the work tree ends at the limits of [objects.Extent].
func TestComparisonOfHugeTrees(t *testing.T) {
	t.Parallel()
	w, _, deep := gittest.Growing(t)
	o := objectsOf(t, w)
	c := &comparison{Snapshot: Snapshot{Objects: o}}
	root, err := o.Tree(t.Context(), deep)
	if err != nil {
		t.Fatal(err)
	}
	var size objects.Extent
	err = c.flatten(t.Context(), root, "", map[string]objects.Entry{}, &size)
	if err == nil || !strings.Contains(err.Error(), "without end") {
		t.Errorf("the comparison says %v", err)
	}
}

func objectsOf(t *testing.T, w *gittest.Work) *objects.Reader {
	t.Helper()
	r, err := Find(w.Dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}
