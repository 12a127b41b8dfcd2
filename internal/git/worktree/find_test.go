package worktree

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// GIT_CEILING_DIRECTORIES bounds the search for a repository, as it does for git.
func TestCeiling(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("sites/blog/index.html", "x").Commit("one")
	for ceiling, found := range map[string]bool{"": true, w.Path("sites/blog"): true, w.Path("sites"): false,
		w.Dir: false, filepath.Dir(w.Dir): true} {
		getenv := func(name string) string { return map[string]string{"GIT_CEILING_DIRECTORIES": ceiling}[name] }
		if _, err := Find(w.Path("sites/blog"), getenv); (err == nil) != found ||
			err != nil && !errors.Is(err, ErrNoRepository) {
			t.Errorf("with the ceiling %q: %v", ceiling, err)
		}
	}
}

// The git command refuses a repository of another user, whose configuration may name programs to
// run.
func TestRepositoryOfAnotherUser(t *testing.T) {
	w := gittest.New(t)
	id := w.Write("a.html", "a").Commit("one")
	r, err := Find(w.Dir, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) { return r.command().Line(t.Context(), "rev-parse", "HEAD") }
	if out, err := run(); err != nil || out != id {
		t.Fatal(out, err)
	}
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git's own tests use it
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	if out, err := run(); err == nil || !strings.Contains(err.Error(), "safe.directory") {
		t.Errorf("git worked there: %s, %v", out, err)
	}
}

// GitDirs finds git's folders in every form of repository.
func TestGitDirs(t *testing.T) {
	t.Parallel()
	w := gittest.New(t).Write("a", "a")
	w.Commit("one")
	w.Git("worktree", "add", "-q", w.Path("linked"))
	bare := filepath.Join(t.TempDir(), "bare.git")
	w.Git("clone", "-q", "--bare", ".", bare)
	env := map[string]string{"GIT_DIR": "/x/dir", "GIT_COMMON_DIR": "/x/common", "GIT_OBJECT_DIRECTORY": "/x/objects"}
	for name, c := range map[string]struct {
		dir  string
		env  map[string]string
		want []string
	}{
		"work tree":   {w.Dir, nil, []string{w.Path(".git")}},
		"worktree":    {w.Path("linked"), nil, []string{w.Path(".git"), w.Path(".git/worktrees/linked")}},
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

// A repository tracks a project if its index or its commit has a file in the project's folder.
func TestTracks(t *testing.T) {
	t.Parallel()
	w := gittest.New(t).Write("committed/x", "x").Write("removed/x", "x")
	w.Commit("one")
	w.Write("untracked/x", "x").Write("staged/x", "x")
	w.Git("add", "staged")
	w.Git("rm", "-q", "-r", "--cached", "removed")
	w.Git("clone", "-q", "--no-checkout", ".", "bare-work-tree")
	empty := gittest.New(t)
	damaged := gittest.New(t)
	damaged.Write("a/x", "x").Commit("one")
	damaged.Write(".git/index", "no index")
	for dir, want := range map[string]bool{
		w.Dir: true, w.Path("committed"): true, w.Path("staged"): true, w.Path("removed"): true,
		w.Path("untracked"): false, w.Path("absent"): false,
		w.Path("bare-work-tree"): true, w.Path("bare-work-tree/committed"): true,
		w.Path("bare-work-tree/untracked"): false,
		empty.Dir:                          false, damaged.Path("a"): true, damaged.Path("b"): true,
		gittest.Plain(t).Dir: false,
	} {
		if got := Tracks(t.Context(), dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
}

func TestRemoteName(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/Ada/Tides.git":             "github.com/ada/tides",
		"https://x-access-token:s3cret@github.com/a/b": "github.com/a/b",
		"git@github.com:Ada/tides.git":                 "github.com/ada/tides",
		"github.com:ada/tides":                         "github.com/ada/tides",
		"ssh://git@host.example:2222/ada/tides.git/":   "host.example/ada/tides",
		"file:///srv/tides.git":                        "",
		"/srv/tides.git":                               "",
		"../tides":                                     "",
		`C:\tides`:                                     "",
		"":                                             "",
		"https://github.com":                           "",
	} {
		if got := RemoteName(address); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
}
