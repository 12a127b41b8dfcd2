package source

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A symlink in place of the folder publishes neither files outside of the repository nor files
// of git. A folder outside of the repository is published if its own path is given (promise 13).
func TestFolderOutside(t *testing.T) {
	t.Parallel()
	outside := gittest.Plain(t).Write("index.html", "secret")
	for name, c := range map[string]struct{ target, dir, want string }{
		"git's own":          {".git", "public", "one of git's own files"},
		"a folder in .git":   {".git/refs", "public", "one of git's own files"},
		"outside":            {outside.Dir, "public", "outside of"},
		"a process":          {"/proc/self", "public", "outside of"},
		"below a link":       {outside.Dir, "public/../public/sub", "outside of"},
		"git's own by name":  {"", ".git", "one of git's own files"},
		"outside by name":    {"", outside.Dir, ""},
		"git's own, outside": {"", filepath.Join(outside.Dir, ".git"), "one of git's own files"},
	} {
		w := gittest.New(t).Write("a", "a")
		if c.target != "" {
			w.Symlink(c.target, "public")
		}
		for _, kind := range []string{KindFolder, Auto} {
			s, err := Open(t.Context(), options(w, Options{Kind: kind, Dir: c.dir}))
			if err == nil {
				err = errors.Join(err, s.(io.Closer).Close())
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}

// The git directory is never published, whatever its name and the patterns are.
func TestGitDirectoryInTheFolder(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Git("config", "http.extraheader", "AUTHORIZATION: basic secret")
	if err := os.Rename(w.Path(".git"), w.Path("store")); err != nil {
		t.Fatal(err)
	}
	w.Write(".git", "gitdir: store\n").
		Write("a.html", "a").
		Write("sub/.GIT/config", "secret").
		Write(".assetsignore", "!.GIT\n!.git\n!store\n")
	if got := sourcetest.Paths(sourcetest.List(t, openFolder(w, Options{}), nil)); got != "/a.html" {
		t.Errorf("got %s", got)
	}
	w.Symlink("store/config", "settings.txt")
	got := sourcetest.Refusals(t, openFolder(w, Options{}))
	if !strings.Contains(got, "settings.txt: the symlink leads to a file that is not published itself") {
		t.Errorf("got %s", got)
	}
}

// The files that decide what is published must not be symlinks out of the folder. A FIFO in
// their place does not block.
func TestDecidingFilesInside(t *testing.T) {
	t.Parallel()
	outside := gittest.Plain(t).Write("secret", "/secret /token 302\n")
	for _, name := range []string{rules.RedirectsFile, rules.HeadersFile, rules.AssetsIgnoreFile, ignore.GitFile,
		ignore.PlainFile, manifest.PulledName} {
		for _, target := range []string{filepath.Join(outside.Dir, "secret"), "../.git/config", "/proc/self/environ"} {
			w := gittest.New(t).Write("public/a.html", "a")
			w.Symlink(target, "public/"+name)
			if l, err := openFolder(w, Options{Dir: "public", PlainIgnore: true}).Files(t.Context(), nil); err == nil {
				t.Errorf("%s -> %s: %+v", name, target, l)
			}
		}
		w := gittest.New(t).Write("public/a.html", "a")
		if err := syscall.Mkfifo(w.Path("public/"+name), 0o600); err != nil {
			t.Fatal(err)
		}
		opened := openFolder(w, Options{Dir: "public", PlainIgnore: true})
		if got := sourcetest.Paths(sourcetest.List(t, opened, nil)); got != "/a.html" {
			t.Errorf("with a FIFO as %s: %s", name, got)
		}
	}
	// The same applies to the files above the folder. Files above the repository have no effect.
	w := gittest.New(t).Write("public/a.html", "a")
	w.Symlink(filepath.Join(outside.Dir, "secret"), ignore.GitFile)
	if _, err := openFolder(w, Options{Dir: "public", PlainIgnore: true}).Files(t.Context(), nil); err == nil {
		t.Error("a file outside was read")
	}
	above := gittest.Plain(t).Write(ignore.GitFile, "a.html\n").Write("project/a.html", "a")
	options := Options{WorkDir: above.Path("project"), GitIgnore: true}
	if got := sourcetest.Paths(sourcetest.List(t, openFolder(above, options), nil)); got != "/a.html" {
		t.Errorf("an ignore file above the project has an effect: %s", got)
	}
}

// Opening a file that a FIFO replaced after the listing fails, and does not block.
func TestFIFOInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t).Write("a.html", "a")
	l := sourcetest.List(t, openFolder(w, Options{}), nil)
	w.Remove("a.html")
	if err := syscall.Mkfifo(w.Path("a.html"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Files[0].Open(); !errors.Is(err, manifest.ErrChanged) {
		t.Errorf("%v", err)
	}
}

// A rule file that is a symlink to a file of git is refused, also if the site is the root of the
// repository.
func TestRuleFileLinksToGit(t *testing.T) {
	t.Parallel()
	w := gittest.New(t).Write("a.html", "a")
	w.Symlink(".git/config", rules.HeadersFile)
	got := sourcetest.Refusals(t, openFolder(w, Options{}))
	if !strings.Contains(got, rules.HeadersFile+": the symlink leaves") {
		t.Errorf("got %s", got)
	}
}
