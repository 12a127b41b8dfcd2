package source

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The number of reads depends on the change, not on the site or the history: it is the same in a
// repository of ten times the size.
func TestReadsDependOnTheChange(t *testing.T) {
	t.Parallel()
	const (
		open    = 1 // commit
		root    = 2 // trees: the repository's, and the folder that is published
		changed = 2 // trees: the folders above the file that changed
	)
	for _, large := range []*sourcetest.Large{
		{Files: 400, FileBytes: 2000, Commits: 30},
		{Files: 4000, FileBytes: 2000, Commits: 300},
	} {
		large.Make(t)
		read := func(revision string, work func(*Commit)) objects.Reads {
			t.Helper()
			c, err := OpenCommit(t.Context(), Options{WorkDir: large.Dir, Dir: "public", Revision: revision})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			work(c)
			return c.Reads()
		}
		var live *manifest.Manifest
		read(sourcetest.Live, func(c *Commit) { live = sourcetest.Manifest(t, sourcetest.List(t, c, nil)) })
		listed := func(c *Commit) { sourcetest.List(t, c, live) }
		relation := func(active string, want manifest.Relation) func(c *Commit) {
			return func(c *Commit) {
				t.Helper()
				if got, err := c.Compare(t.Context(), large.ID(t, active), c.ID()); got != want || err != nil {
					t.Errorf("the relation of %s to %s is %v: %v", c.ID(), active, got, err)
				}
			}
		}
		for _, tc := range []struct {
			name, revision string
			work           func(*Commit)
			want           objects.Reads
			bytes          int64 // at most; ten times the files add a few steps to the search of the index
		}{
			{"list one changed page", sourcetest.Page, listed,
				objects.Reads{Commits: open, Trees: root + changed, Blobs: 1, Sizes: 1}, 16 << 10},
			{"list without a changed asset", sourcetest.Notes, listed, objects.Reads{Commits: open, Trees: root},
				8 << 10},
			{"compare with the parent", sourcetest.Page, relation(sourcetest.Live, manifest.RelationNewer),
				objects.Reads{Commits: open + 2, Trees: root}, 16 << 10},
			{"compare two branches", sourcetest.Page, relation(sourcetest.Notes, manifest.RelationDiverged),
				objects.Reads{Commits: open + 3, Trees: root}, 16 << 10},
		} {
			got := read(tc.revision, tc.work)
			t.Logf("%d files: %s: %+v", large.Files, tc.name, got)
			if got.Bytes > tc.bytes || got.Bytes == 0 {
				t.Errorf("%d files: %s: %d bytes were read, want at most %d", large.Files, tc.name, got.Bytes, tc.bytes)
			}
			if got.Bytes = 0; got != tc.want {
				t.Errorf("%d files: %s: read %+v, want %+v", large.Files, tc.name, got, tc.want)
			}
		}
	}
}
