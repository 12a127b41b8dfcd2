package mirror_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is an entry of .gitmodules.
func module(name, url string) string {
	return "[submodule \"" + name + "\"]\n\tpath = " + name + "\n\turl = " + url + "\n"
}

// neighbour makes a bare repository beside the remote, with one commit. entries are its tree.
func (f *fixture) neighbour(name string, entries ...string) (commit string) {
	f.t.Helper()
	commit = f.git(f.remote, "", "commit-tree", f.tree(entries...), "-m", name)
	dir := filepath.Join(filepath.Dir(f.remote), name)
	f.git(filepath.Dir(f.remote), "", "init", "-q", "--bare", "-b", "main", dir)
	f.git(f.remote, "", "push", "-q", dir, commit+":refs/heads/main")
	return commit
}

// Submodules are checked out, also nested ones with relative addresses. A submodule on another
// host without https stays empty, with a reason. The checkout's origin is the remote.
func TestSubmodules(t *testing.T) {
	f := newFixture(t)
	font := f.neighbour("font.git", "100644 font "+f.object("blob", "a font"))
	theme := f.neighbour("theme.git", "100644 .gitmodules "+f.object("blob", module("font", "../font.git")),
		"160000 font "+font, "100644 layout "+f.object("blob", "a layout"))
	touched := filepath.Join(t.TempDir(), "touched")
	modules := module("theme", "../theme.git") + module("away", "ssh://git@192.0.2.1/x.git") +
		module("helper", "ext::touch "+touched) + module("up", "-u./x") + module("gone", "../theme.git") +
		"[submodule \"evil\"]\n\tpath = ../evil\n\turl = ../theme.git\n"
	f.follow(f.tree("100644 .gitmodules "+f.object("blob", modules), "160000 away "+theme, "160000 helper "+theme,
		"160000 theme "+theme, "160000 up "+theme))
	f.fetch()
	tree := filepath.Join(t.TempDir(), "tree")
	head := f.git(f.remote, "", "rev-parse", "main")
	left, err := f.mirror.Checkout(t.Context(), head, tree)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"theme/layout": "a layout", "theme/font/font": "a font"} {
		if b, err := os.ReadFile(filepath.Join(tree, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	slices.Sort(left)
	if len(left) != 3 || !strings.HasPrefix(left[0], "away: ") || !strings.HasPrefix(left[1], "helper: ") ||
		!strings.HasPrefix(left[2], "up: ") {
		t.Errorf("empty are %q", left)
	}
	if _, err := os.Stat(touched); err == nil {
		t.Error("a program was run")
	}
	if at := f.git(tree, "", "config", "remote.origin.url"); at != f.remote {
		t.Errorf("origin is %s", at)
	}
	// A build may check out the submodules again.
	f.git(tree, "", "submodule", "deinit", "--quiet", "--force", "theme")
	f.git(tree, "", "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive", "theme")
	if _, err := os.Stat(filepath.Join(tree, "theme/font/font")); err != nil {
		t.Error(err)
	}
}

// A submodule that cannot be fetched is an error: a build without it would publish a
// site without its theme.
func TestSubmoduleThatIsGone(t *testing.T) {
	f := newFixture(t)
	theme := f.neighbour("theme.git", "100644 layout "+f.object("blob", "a layout"))
	f.follow(f.tree("100644 .gitmodules "+f.object("blob", module("theme", "../gone.git")), "160000 theme "+theme))
	f.fetch()
	_, err := f.mirror.Checkout(t.Context(), f.git(f.remote, "", "rev-parse", "main"), filepath.Join(t.TempDir(), "tree"))
	if err == nil || !strings.Contains(err.Error(), "submodule theme from") || !strings.Contains(err.Error(), "gone.git") {
		t.Errorf("got %v", err)
	}
}
