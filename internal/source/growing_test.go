package source

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// The comparison of a commit with the work tree is bounded, too.
func TestComparisonOfTreesThatGrow(t *testing.T) {
	t.Parallel()
	w, _, deep := gittest.Growing(t)
	o := objectsOf(t, w)
	c := &comparison{snapshot: snapshot{objects: o}}
	root, err := o.tree(t.Context(), deep)
	if err != nil {
		t.Fatal(err)
	}
	var size extent
	err = c.flatten(t.Context(), root, "", map[string]treeEntry{}, &size)
	if err == nil || !strings.Contains(err.Error(), "without end") {
		t.Errorf("the comparison says %v", err)
	}
}

func objectsOf(t *testing.T, w *gittest.Work) *objects {
	t.Helper()
	r, err := findRepository(w.Dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.close() })
	return o
}
