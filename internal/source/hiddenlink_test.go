package source

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A symlink to an ignored file is refused. The file may be in an ignored folder, or only the
// .assetsignore of its own folder may ignore it.
func TestLinkIntoIgnoredFolder(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write(".assetsignore", "drafts/\n").Write("drafts/plan.txt", "secret").
		Write(".private/note.txt", "secret").
		Write("sub/.assetsignore", "inner.txt\n").
		Write("sub/inner.txt", "secret").Write("sub/deep/inner.txt", "secret").
		Write("sub/shown.txt", "shown")
	for link, target := range map[string]string{
		"ignored.txt": "drafts/plan.txt", "hidden.txt": ".private/note.txt",
		"nested.txt": "sub/inner.txt", "deeper.txt": "sub/deep/inner.txt", "chain.txt": "nested.txt",
	} {
		w.Symlink(target, link)
	}
	w.Commit("all")
	const reason = ": the symlink leads to a file that is not published itself"
	want := "chain.txt" + reason + "\ndeeper.txt" + reason + "\nhidden.txt" + reason + "\nignored.txt" + reason +
		"\nnested.txt" + reason
	for kind, s := range map[string]manifest.Source{"folder": openFolder(w, Options{}),
		"commit": openCommit(w, Options{})} {
		if d := cmp.Diff(want, sourcetest.Refusals(t, s)); d != "" {
			t.Errorf("the %s: %s", kind, d)
		}
	}
}
