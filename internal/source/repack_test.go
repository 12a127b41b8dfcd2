package source

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
)

// Objects that a gc moves while the source is open are still found.
func TestPackedWhileOpen(t *testing.T) {
	t.Parallel()
	w := gittest.Deltas(t)
	c := openCommit(w, Options{})
	l := sourcetest.List(t, c, nil)
	w.Git("gc", "-q", "--prune=now")
	for _, f := range l.Files {
		sourcetest.Read(t, f)
	}
	w.Write("new", "new").Commit("three")
	w.Git("repack", "-adfq")
	if _, err := c.objects.BlobSize(t.Context(), w.Git("rev-parse", "HEAD:new")); err != nil {
		t.Error(err)
	}
}
