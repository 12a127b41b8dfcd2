package source

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// Tree is a file system as io/fs defines it, with the files of the commit and not those of the
// work tree.
func TestTree(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Write("src/lib/a.ts", "export const a = 1;").Write("build.sh", "#!/bin/sh\n")
	if err := os.Chmod(w.Path("build.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.Commit("First")
	w.Write("src/lib/a.ts", "changed").Write("src/new.ts", "new")
	w.Remove("README.md")
	c := openCommit(w, Options{Dir: "public"})
	tree := c.Tree(t.Context())
	if err := fstest.TestFS(tree, "README.md", "build.sh", "src/lib/a.ts", "public/.hidden",
		"public/_headers"); err != nil {
		t.Error(err)
	}
	if b, err := fs.ReadFile(tree, "src/lib/a.ts"); err != nil || string(b) != "export const a = 1;" {
		t.Errorf("%q, %v", b, err)
	}
	if top, err := os.Stat(c.Top()); err != nil || !sameFile(t, top, w.Dir) {
		t.Errorf("the tree's root is %s: %v", c.Top(), err)
	}
	for _, name := range []string{"src/new.ts", "src", "../x", "src/lib/a.ts/b", "/README.md"} {
		_, err := fs.ReadFile(tree, name)
		if err == nil || name == "src/new.ts" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sameFile(t *testing.T, a fs.FileInfo, name string) bool {
	t.Helper()
	b, err := os.Stat(name)
	return err == nil && os.SameFile(a, b)
}

// Symlinks are followed only inside the commit.
func TestTreeLinks(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("shared/deep/a.ts", "a")
	w.Symlink("../shared", "shared/up")
	w.Symlink("shared/deep", "lib")
	w.Symlink("deep/a.ts", "shared/b.ts")
	for name, target := range map[string]string{"out": "../../etc/passwd", "root": "/etc/passwd", "round": "round",
		"gone": "nowhere"} {
		w.Symlink(target, name)
	}
	w.Commit("Links")
	tree := openCommit(w, Options{}).Tree(t.Context())
	for _, name := range []string{"lib/a.ts", "shared/b.ts", "shared/up/up/deep/a.ts"} {
		if b, err := fs.ReadFile(tree, name); err != nil || string(b) != "a" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, name := range []string{"out", "root", "round", "gone", "round/x"} {
		if b, err := fs.ReadFile(tree, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	list, err := fs.ReadDir(tree, "lib")
	if err != nil || !slices.ContainsFunc(list, func(e fs.DirEntry) bool { return e.Name() == "a.ts" }) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestTreeOfABareRepository(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	w.Commit("First")
	w.Git("clone", "-q", "--bare", ".", "../bare.git")
	c := openCommit(w, Options{WorkDir: w.Path("../bare.git"), Dir: "public"})
	if b, err := fs.ReadFile(c.Tree(t.Context()), "README.md"); err != nil || string(b) != "not published" ||
		c.Top() != "" {
		t.Errorf("%q, %v, in %q", b, err, c.Top())
	}
}

// Tree does not read files with credentials, neither by their own name nor through a symlink
// (promise 13).
func TestTreeWithoutCredentials(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write(".env", "SECRET=1").Write(".env.js", "export default 1")
	w.Symlink(".env", "data.txt")
	w.Commit("all")
	tree := openCommit(w, Options{}).Tree(t.Context())
	for _, name := range []string{".env", "data.txt"} {
		if b, err := fs.ReadFile(tree, name); !errors.Is(err, boundary.ErrCredentials) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := fs.ReadFile(tree, ".env.js"); err != nil {
		t.Error(err)
	}
}
