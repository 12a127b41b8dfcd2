package pull

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

type pulledTree interface {
	Tree
	SetPulled(manifest.Pulled) error
}

// eachTree runs a test with a work tree and with a branch. Both have files. read returns the
// content of a file after the pull, or "" if it does not exist.
func eachTree(
	t *testing.T,
	files map[string]string,
	test func(t *testing.T, tree pulledTree, read func(name string) string),
) {
	t.Helper()
	t.Run("work tree", func(t *testing.T) {
		dir := t.TempDir()
		for name, text := range files {
			write(t, filepath.Join(dir, name), text)
		}
		tree, err := OpenWorkTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		test(t, tree, func(name string) string {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			return string(b)
		})
	})
	t.Run("branch", func(t *testing.T) {
		top := repository(t)
		runGit(t, top, "rm", "-q", "-r", "site")
		for name, text := range files {
			write(t, filepath.Join(top, "site", name), text)
		}
		runGit(t, top, "add", "-A")
		runGit(t, top, "commit", "-q", "--allow-empty", "-m", "files")
		b, err := OpenBranch(top, "site", "edits")
		if err != nil {
			t.Fatal(err)
		}
		commit := ""
		test(t, b, func(name string) string {
			if commit == "" {
				if commit, err = b.Commit(Message{Author: tool, Text: "x\n"}, time.Now()); err != nil {
					t.Fatal(err)
				}
				commit = cmp.Or(commit, "main") // if the pull changed nothing
			}
			if runGit(t, top, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", commit, "site/"+name) == "" {
				return ""
			}
			return runGit(t, top, "show", commit+":site/"+name)
		})
	})
}

// A pull never creates a file whose name differs from an existing name only in case or Unicode
// composition, because some file systems do not distinguish them. It changes a file whose name is
// spelled as the edit's, composed or decomposed.
func TestNamesDifferingInCase(t *testing.T) {
	composed, decomposed := "caf\u00e9", norm.NFD.String("caf\u00e9")
	files := map[string]string{
		decomposed + ".html": "old", decomposed + "/menu.html": "old", "about.html": "old", "docs/page.html": "old",
		"both.html": "old", "Both.html": "other",
	}
	entries := []overlay.Entry{
		newEntry("/About.html", "new", ""), newEntry("/Docs/new.html", "new", ""), newEntry("/both.html", "new", "old"),
		newEntry("/"+decomposed+"/menu.html", "new", "old"), newEntry("/"+decomposed+"/new.html", "new", ""),
		newEntry("/"+composed+".html", "new", ""), newEntry("/"+decomposed+".html", "new", "old"),
	}
	from := contentMap{}
	for _, e := range entries {
		from[e.Path] = "new"
	}
	eachTree(t, files, func(t *testing.T, tree pulledTree, read func(string) string) {
		r, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil || len(r.Taken) != 4 || len(r.Conflicts) != 3 ||
			!strings.Contains(r.Conflicts[0].Reason, "git has about.html there") ||
			!strings.Contains(r.Conflicts[2].Reason, "(cafe%CC%81.html) there") {
			t.Fatalf("the report is %+v, %v", r, err)
		}
		want := map[string]string{
			decomposed + ".html": "new", decomposed + "/menu.html": "new", decomposed + "/new.html": "new", "both.html": "new",
			"Both.html":  "other",
			"about.html": "old", "About.html": "", "Docs/new.html": "", composed + ".html": "",
			composed + "/new.html": "",
		}
		for name, text := range want {
			if got := read(name); got != text {
				t.Errorf("%q has %q, want %q", name, got, text)
			}
		}
	})
}

// The tree has the file of each edit that is recorded as pulled, also if a file replaces a folder
// or a folder replaces a file.
func TestFileReplacesFolder(t *testing.T) {
	files := map[string]string{"was-file": "old", "was-folder/page.html": "old", "keep.html": "x"}
	entries := []overlay.Entry{
		newEntry("/new", "new", ""), newEntry("/new/page.html", "new", ""),
		newEntry("/was-file", "", "old"), newEntry("/was-file/page.html", "new", ""),
		newEntry("/was-folder", "new", ""), newEntry("/was-folder/page.html", "", "old"),
	}
	from := contentMap{}
	for _, e := range entries {
		from[e.Path] = "new"
	}
	eachTree(t, files, func(t *testing.T, tree pulledTree, read func(string) string) {
		r, err := Pull(t.Context(), entries, from, tree, options)
		if err != nil || len(r.Taken) != 3 || len(r.Removed) != 2 || len(r.Conflicts) != 1 ||
			r.Conflicts[0].Path != "/new/page.html" {
			t.Fatalf("the report is %+v, %v", r, err)
		}
		for _, e := range r.Taken {
			if read(e.Path[1:]) != "new" {
				t.Errorf("%s is recorded as pulled, and the tree does not have it", e.Path)
			}
		}
	})
}

func TestInvalidPathReason(t *testing.T) {
	for path, ok := range map[string]bool{
		"/index.html": true, "/a b/c.html": true, "/.well-known/x": true, "/caf\u00e9": true, "/git": true,
		"/a:b": true, "/👩\u200d🚀.html": true,
		"": false, "a": false, "/": false, "//": false, "/a/": false, "/./a": false, "/a/../b": false,
		"/a\x00b": false, "/\xff": false, "/a\\b": false,
		"/a\nb": false, "/\x7f": false, "/.hidden": false, "/a/.git": false, "/.GIT/config": false,
		"/git~1/config": false, "/GIT~1": false,
		"/\u200c.git/config": false, "/.g\u200dit": false, "/\ufeff.git": false, "/.git .": false,
		"/.git::$INDEX_ALLOCATION":         false,
		"/" + norm.NFD.String("caf\u00e9"): true, "/" + strings.Repeat("a", 255): true,
		"/" + strings.Repeat("a", 256):        false,
		"/" + strings.Repeat("é/", 400) + "a": false,
	} {
		if why := invalidPathReason(path); (why == "") != ok {
			t.Errorf("%q: %q", path, why)
		}
	}
	for name, ok := range map[string]bool{"a/b.html": true, "a:b": false, "page.": false, "page./x": false,
		"a /b": false, "a?": false, "a*": false, `"`: false} {
		if (invalidOnWindows(name) == "") != ok {
			t.Errorf("invalidOnWindows(%q): allowed %t", name, !ok)
		}
	}
}

// A valid pathname is the name of a file in the folder, and not in .git.
func FuzzInvalidPathReason(f *testing.F) {
	for _, s := range []string{"/a", "/a/b", "/../a", "/.git", "/\u200c.git", "/a\\b", "/git~1", "//",
		"/.well-known/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if invalidPathReason(path) != "" {
			return
		}
		name := path[1:]
		if !filepath.IsLocal(name) || filepath.Clean(name) != name {
			t.Errorf("%q is not a name in the folder", path)
		}
		for part := range strings.SplitSeq(name, "/") {
			if strings.EqualFold(part, ".git") || part[0] == '.' && part != ".well-known" {
				t.Errorf("%q is valid", path)
			}
		}
	})
}

// A name that a deploy does not publish stays at run time. As a file it would configure the site, or
// be listed as pulled although no deploy has it.
func TestUnpublishedNamesStay(t *testing.T) {
	var entries []overlay.Entry
	from := contentMap{}
	for _, p := range []string{"/kv-sync.toml", "/node_modules/a.js", "/sub/wrangler.toml", "/wrangler.toml"} {
		entries, from[p] = append(entries, newEntry(p, "x", "")), "x"
	}
	o := options
	o.Unpublished = rules.Unpublished
	eachTree(t, map[string]string{"index.html": "x"}, func(t *testing.T, tree pulledTree, read func(string) string) {
		r, err := Pull(t.Context(), entries, from, tree, o)
		if err != nil || len(r.Kept) != 3 || !slices.Equal(pathsOf(r.Taken), []string{"/sub/wrangler.toml"}) ||
			read("kv-sync.toml") != "" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
