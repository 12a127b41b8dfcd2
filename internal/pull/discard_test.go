package pull

import (
	"path"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// If somebody discards the pulled files and keeps the untracked record, the next pull offers the
// edits again. git reset --hard, git checkout and git stash do that.
func TestDiscardedPullIsOffered(t *testing.T) {
	page, made := newEntry("/page.html", "mine", "old"), newEntry("/new.html", "new", "")
	gone := newEntry("/gone.html", "", "gone")
	fixed := newEntry("/fixed.html", "typo", "old")
	known := map[string]manifest.Nonce{page.Path: page.Nonce, made.Path: made.Nonce, gone.Path: gone.Nonce,
		fixed.Path: fixed.Nonce}
	files := map[string]string{"page.html": "old", "gone.html": "gone", "fixed.html": "no typo any more"}
	eachTree(t, files, func(t *testing.T, tree pulledTree, read func(string) string) {
		from := contentMap{"/page.html": "mine", "/new.html": "new"}
		r, err := Pull(t.Context(), []overlay.Entry{fixed, gone, made, page}, from, tree, withKnown(options, known))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Taken) != 2 || len(r.Removed) != 1 || len(r.InGit) != 1 || r.InGit[0].Path != "/fixed.html" ||
			len(r.Conflicts) != 0 {
			t.Errorf("%+v", r)
		}
		if read("page.html") != "mine" || read("new.html") != "new" || read("fixed.html") != "no typo any more" {
			t.Errorf("%q, %q, %q", read("page.html"), read("new.html"), read("fixed.html"))
		}
	})
}

// Edits with names that some file system does not distinguish are conflicts. A dry run finds the
// same conflicts.
func TestDryRunFindsTheSameConflicts(t *testing.T) {
	var entries []overlay.Entry
	from := contentMap{}
	for _, p := range []string{"/Case.txt", "/Dir/a.txt", "/AUX", "/a", "/a/below.txt", "/case.txt",
		"/con.txt", "/dir/b.txt", "/trailing ", "/x.", "/y::$DATA", "/C:z", "/fine/Lpt1.html", "/fine/auxiliary.html",
		"/z/lpt1"} {
		entries, from[p] = append(entries, newEntry(p, "x", "")), "x"
	}
	slices.SortFunc(entries, func(a, b overlay.Entry) int { return compareText(a.Path, b.Path) })
	eachTree(t, map[string]string{"index.html": "x"}, func(t *testing.T, tree pulledTree, read func(string) string) {
		dry := options
		dry.DryRun = true
		said, err := Pull(t.Context(), entries, from, tree, dry)
		if err != nil {
			t.Fatal(err)
		}
		did, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil {
			t.Fatal(err)
		}
		for what, lists := range map[string][2][]Edit{"taken": {said.Taken, did.Taken}, "in conflict": {said.Conflicts,
			did.Conflicts}} {
			if got, want := named(lists[0]), named(lists[1]); !slices.Equal(got, want) {
				t.Errorf("%s: a dry run has %q, a pull %q", what, got, want)
			}
		}
		want := []string{"/Case.txt", "/Dir/a.txt", "/a", "/fine/auxiliary.html"}
		if !slices.Equal(pathsOf(did.Taken), want) {
			t.Errorf("taken are %q", pathsOf(did.Taken))
		}
		for _, e := range did.Conflicts {
			if e.Reason == "" || e.Path != "/case.txt" && e.Path != "/a/below.txt" && read(path.Clean(e.Path[1:])) != "" {
				t.Errorf("%s: %q", e.Path, e.Reason)
			}
		}
	})
}

// A file that is in git already may have any name.
func TestNameOfAnExistingFile(t *testing.T) {
	e := newEntry("/a:b.txt", "new", "old")
	eachTree(t, map[string]string{"a:b.txt": "old"}, func(t *testing.T, tree pulledTree, read func(string) string) {
		r, err := Pull(t.Context(), []overlay.Entry{e}, contentMap{"/a:b.txt": "new"}, tree, options)
		if err != nil || len(r.Taken) != 1 || read("a:b.txt") != "new" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func compareText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func named(edits []Edit) (out []string) {
	for _, e := range edits {
		out = append(out, e.Path+": "+e.Reason)
	}
	return out
}

func pathsOf(edits []Edit) (out []string) {
	for _, e := range edits {
		out = append(out, e.Path)
	}
	return out
}
