package source

import (
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// If a shallow clone has two commits but not those between them, their relation is unknown. If it
// were "diverged", an older commit would be deployed.
func TestRelationBehindTheBoundary(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	var ids []string
	for i := range 6 {
		ids = append(ids, w.Write("a", fmt.Sprint(i)).Commit(fmt.Sprint(i)))
	}
	w.Git("branch", "old", ids[1])
	for depth, want := range map[int]manifest.Relation{1: manifest.RelationUnknown, 3: manifest.RelationUnknown,
		5: manifest.RelationNewer} {
		name := fmt.Sprint("depth-", depth)
		w.Git("clone", "-q", fmt.Sprint("--depth=", depth), "--no-single-branch", "file://"+w.Dir, name)
		c := openCommit(w, Options{WorkDir: w.Path(name)})
		if got := relation(t, c, ids[1], ids[5]); got != want {
			t.Errorf("with a depth of %d the newer commit is %s, want %s", depth, got, want)
		}
		if want == manifest.RelationNewer {
			want = manifest.RelationOlder
		}
		if got := relation(t, c, ids[5], ids[1]); got != want {
			t.Errorf("with a depth of %d the older commit is %s, want %s", depth, got, want)
		}
	}
}
