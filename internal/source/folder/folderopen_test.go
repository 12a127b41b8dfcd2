package folder

import (
	"log/slog"
	"testing"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// openTest opens the folder of a test, with a cache of its own unless the options
// name one.
func openTest(t testing.TB, w *gittest.Work, o Options) *Folder {
	t.Helper()
	if o.Path == "" {
		o.Path = w.Dir
	}
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	o.Log = slog.New(slog.DiscardHandler)
	var err error
	if o.Boundary, err = boundary.New(w.Dir); err != nil {
		t.Fatal(err)
	}
	f, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
