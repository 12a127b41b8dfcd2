package source

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// A file of a tree whose id is that of a commit is an error.
func TestTreeNamesACommit(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	id := w.Write("a.html", "a").Commit("one")
	o := openCommit(w, Options{}).objects
	for kind, id := range map[string]string{"commit": id, "tree": w.Git("rev-parse", "HEAD^{tree}")} {
		if _, err := o.BlobSize(t.Context(), id); err == nil {
			t.Errorf("the %s has a size as a blob", kind)
		}
		if content, err := o.Blob(t.Context(), id); err == nil {
			content.Close()
			t.Errorf("the %s was opened as a blob", kind)
		}
	}
	root := w.GitIn(w.Dir, "100644 secret.html\x00"+gittest.Unhex(t, id),
		"hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	c := openCommit(w, Options{Revision: w.Git("commit-tree", root, "-m", "hostile")})
	if _, err := c.Files(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "it is a commit") {
		t.Error(err)
	}
}
