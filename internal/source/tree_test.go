package source

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// The tree is a file system as io/fs means it, and that of the commit, not of
// the work tree.
func TestTree(t *testing.T) {
	t.Parallel()
	w := site(t)
	w.write("src/lib/a.ts", "export const a = 1;").write("build.sh", "#!/bin/sh\n")
	if err := os.Chmod(w.path("build.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.commit("First")
	w.write("src/lib/a.ts", "changed").write("src/new.ts", "new")
	w.remove("README.md")
	c := w.openCommit(Options{Dir: "public"})
	tree := c.Tree(t.Context())
	if err := fstest.TestFS(tree, "README.md", "build.sh", "src/lib/a.ts", "public/.hidden", "public/_headers"); err != nil {
		t.Error(err)
	}
	if b, err := fs.ReadFile(tree, "src/lib/a.ts"); err != nil || string(b) != "export const a = 1;" {
		t.Errorf("%q, %v", b, err)
	}
	if top, err := os.Stat(c.Top()); err != nil || !sameFile(t, top, w.dir) {
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

// Symlinks are followed inside the commit, and nowhere else.
func TestTreeLinks(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("shared/deep/a.ts", "a")
	w.symlink("../shared", "shared/up")
	w.symlink("shared/deep", "lib")
	w.symlink("deep/a.ts", "shared/b.ts")
	for name, target := range map[string]string{"out": "../../etc/passwd", "root": "/etc/passwd", "round": "round", "gone": "nowhere"} {
		w.symlink(target, name)
	}
	w.commit("Links")
	tree := w.openCommit(Options{}).Tree(t.Context())
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
	w := site(t)
	w.commit("First")
	w.git("clone", "-q", "--bare", ".", "../bare.git")
	c := w.openCommit(Options{WorkDir: w.path("../bare.git"), Dir: "public"})
	if b, err := fs.ReadFile(c.Tree(t.Context()), "README.md"); err != nil || string(b) != "not published" || c.Top() != "" {
		t.Errorf("%q, %v, in %q", b, err, c.Top())
	}
}

// Neither the settings nor the Worker's code of a commit are files that hold
// credentials, under whatever name (promise 13).
func TestTreeWithoutCredentials(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write(".env", "SECRET=1").write(".env.js", "export default 1")
	w.symlink(".env", "data.txt")
	w.commit("all")
	tree := w.openCommit(Options{}).Tree(t.Context())
	for _, name := range []string{".env", "data.txt"} {
		if b, err := fs.ReadFile(tree, name); !errors.Is(err, boundary.ErrCredentials) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := fs.ReadFile(tree, ".env.js"); err != nil {
		t.Error(err)
	}
}
