package source

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/folder"
)

// options fills in the directory of a test, a cache of its own and an empty environment.
func options(w *gittest.Work, o Options) Options {
	if o.WorkDir == "" {
		o.WorkDir = w.Dir
	}
	if o.CacheDir == "" {
		o.CacheDir = w.TempDir()
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return o
}

func openCommit(w *gittest.Work, o Options) *Commit {
	w.Helper()
	c, err := OpenCommit(w.Context(), options(w, o))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

func openFolder(w *gittest.Work, o Options) *folder.Folder {
	w.Helper()
	f, err := OpenFolder(w.Context(), options(w, o))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = f.Close() })
	return f
}

func sortLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
