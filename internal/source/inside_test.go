package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/boundary"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A folder outside of the repository, or one of git's, is not published, whoever
// leads there: but one that is named itself is (promise 13).
func TestFolderOutside(t *testing.T) {
	t.Parallel()
	outside := plainWork(t).write("index.html", "secret")
	for name, c := range map[string]struct{ target, dir, want string }{
		"git's own":          {".git", "public", "one of git's own files"},
		"a folder of git's":  {".git/refs", "public", "one of git's own files"},
		"outside":            {outside.dir, "public", "outside of"},
		"a process":          {"/proc/self", "public", "outside of"},
		"below a link":       {outside.dir, "public/../public/sub", "outside of"},
		"git's own by name":  {"", ".git", "one of git's own files"},
		"outside by name":    {"", outside.dir, ""},
		"git's own, outside": {"", filepath.Join(outside.dir, ".git"), "one of git's own files"},
	} {
		w := newWork(t).write("a", "a")
		if c.target != "" {
			w.symlink(c.target, "public")
		}
		for _, kind := range []string{KindFolder, Auto} {
			s, err := Open(t.Context(), w.options(Options{Kind: kind, Dir: c.dir}))
			if err == nil {
				err = errors.Join(err, s.(io.Closer).Close())
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}

// Git's folder is never published, under whatever name and whatever patterns say.
func TestGitInTheFolder(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.git("config", "http.extraheader", "AUTHORIZATION: basic secret")
	if err := os.Rename(w.path(".git"), w.path("store")); err != nil {
		t.Fatal(err)
	}
	w.write(".git", "gitdir: store\n").write("a.html", "a").write("sub/.GIT/config", "secret").write(".assetsignore", "!.GIT\n!.git\n!store\n")
	if got := paths(list(t, w.openFolder(Options{}), nil)); got != "/a.html" {
		t.Errorf("got %s", got)
	}
	w.symlink("store/config", "settings.txt")
	if got := refusals(t, w.openFolder(Options{})); !strings.Contains(got, "settings.txt: the symlink leads to a file that is not published itself") {
		t.Errorf("got %s", got)
	}
}

// What decides what is published lies inside, too. A FIFO in its place stops nothing.
func TestDecidingFilesInside(t *testing.T) {
	t.Parallel()
	outside := plainWork(t).write("secret", "/secret /token 302\n")
	for _, name := range []string{redirectsName, headersName, assetsIgnoreName, gitIgnoreName, plainIgnoreName, kvsync.PulledName} {
		for _, target := range []string{filepath.Join(outside.dir, "secret"), "../.git/config", "/proc/self/environ"} {
			w := newWork(t).write("public/a.html", "a")
			w.symlink(target, "public/"+name)
			if l, err := w.openFolder(Options{Dir: "public"}).Files(t.Context(), nil); err == nil {
				t.Errorf("%s -> %s: %+v", name, target, l)
			}
		}
		w := newWork(t).write("public/a.html", "a")
		if err := syscall.Mkfifo(w.path("public/"+name), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := paths(list(t, w.openFolder(Options{Dir: "public"}), nil)); got != "/a.html" {
			t.Errorf("%s a FIFO: %s", name, got)
		}
	}
	// Beside the folder, too, but not beside the repository.
	w := newWork(t).write("public/a.html", "a")
	w.symlink(filepath.Join(outside.dir, "secret"), assetsIgnoreName)
	if _, err := w.openFolder(Options{Dir: "public"}).Files(t.Context(), nil); err == nil {
		t.Error("a file outside was read")
	}
	above := plainWork(t).write(assetsIgnoreName, "a.html\n").write("project/a.html", "a")
	if got := paths(list(t, above.openFolder(Options{WorkDir: above.path("project")}), nil)); got != "/a.html" {
		t.Errorf("a file above the project decided: %s", got)
	}
}

// A file that is replaced by a FIFO after it was listed is a changed one, and is not
// waited for.
func TestFIFOInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	w := plainWork(t).write("a.html", "a")
	l := list(t, w.openFolder(Options{}), nil)
	w.remove("a.html")
	if err := syscall.Mkfifo(w.path("a.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Files[0].Open(); !errors.Is(err, kvsync.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// Git's folders are found by all that names them.
func TestGitDirs(t *testing.T) {
	t.Parallel()
	w := newWork(t).write("a", "a")
	w.commit("one")
	w.git("worktree", "add", "-q", w.path("linked"))
	bare := filepath.Join(t.TempDir(), "bare.git")
	w.git("clone", "-q", "--bare", ".", bare)
	env := map[string]string{"GIT_DIR": "/x/dir", "GIT_COMMON_DIR": "/x/common", "GIT_OBJECT_DIRECTORY": "/x/objects"}
	for name, c := range map[string]struct {
		dir  string
		env  map[string]string
		want []string
	}{
		"work tree":   {w.dir, nil, []string{w.path(".git")}},
		"worktree":    {w.path("linked"), nil, []string{w.path(".git"), w.path(".git/worktrees/linked")}},
		"bare":        {bare, nil, []string{bare}},
		"environment": {t.TempDir(), env, []string{"/x/dir", "/x/common", "/x/objects"}},
	} {
		b, err := boundary.New("/")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Hide(GitDirs(c.dir, func(name string) string { return c.env[name] })...); err != nil {
			t.Fatal(err)
		}
		for _, dir := range c.want {
			if b.Inside(filepath.Join(dir, "x")) {
				t.Errorf("%s: %s is not hidden", name, dir)
			}
		}
	}
}

// A repository counts where it tracks something.
func TestTracks(t *testing.T) {
	t.Parallel()
	w := newWork(t).write("a/x", "a")
	w.commit("one")
	w.write("b/y", "b")
	for dir, want := range map[string]bool{".": true, "a": true, "b": false} {
		if got := Tracks(w.path(dir)); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
	if Tracks(plainWork(t).dir) {
		t.Error("there is no repository")
	}
}

// The rules of a site whose folder is the repository's top are no link to git's.
func TestRulesAreGits(t *testing.T) {
	t.Parallel()
	w := newWork(t).write("a.html", "a")
	w.symlink(".git/config", headersName)
	if got := refusals(t, w.openFolder(Options{})); !strings.Contains(got, headersName+": the symlink leaves") {
		t.Errorf("got %s", got)
	}
}
