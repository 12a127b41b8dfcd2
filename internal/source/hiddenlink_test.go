package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A symlink publishes nothing that is hidden itself: no file of a folder that is
// not walked, and none that only the .assetsignore of its own folder names.
func TestLinkIntoIgnoredFolder(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write(".assetsignore", "drafts/\n").write("drafts/plan.txt", "secret").
		write(".private/note.txt", "secret").
		write("sub/.assetsignore", "inner.txt\n").write("sub/inner.txt", "secret").write("sub/deep/inner.txt", "secret").
		write("sub/shown.txt", "shown")
	for link, target := range map[string]string{
		"ignored.txt": "drafts/plan.txt", "hidden.txt": ".private/note.txt",
		"nested.txt": "sub/inner.txt", "deeper.txt": "sub/deep/inner.txt", "chain.txt": "nested.txt",
	} {
		w.symlink(target, link)
	}
	w.commit("all")
	const reason = ": the symlink leads to a file that is not published itself"
	want := "chain.txt" + reason + "\ndeeper.txt" + reason + "\nhidden.txt" + reason + "\nignored.txt" + reason + "\nnested.txt" + reason
	for kind, s := range map[string]kvsync.Source{"folder": w.openFolder(Options{}), "commit": w.openCommit(Options{})} {
		if d := cmp.Diff(want, refusals(t, s)); d != "" {
			t.Errorf("the %s: %s", kind, d)
		}
	}
}
