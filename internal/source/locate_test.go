package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The repository that a published folder belongs to is the innermost one that
// strictly contains it and tracks the project, else the one rooted there.
func TestLocate(t *testing.T) {
	// base holds a repository at each of these folders; true means that it has a
	// commit, with the file "tracked" in each of the folders that are named.
	type repos map[string][]string
	for name, tt := range map[string]struct {
		repos   repos
		project string
		folder  string // in the project
		ceiling string
		want    string // the repository's folder, "" for none
	}{
		"the project's own":                   {repos{"p": {"."}}, "p", "dist", "", "p"},
		"the folder is the repository":        {repos{"p": {"."}}, "p", ".", "", "p"},
		"a project in a folder":               {repos{"p": {"sites/a"}}, "p/sites/a", "dist", "", "p"},
		"a checkout below the project":        {repos{"ws/site": {"public"}}, "ws", "site/public", "", "ws/site"},
		"a work tree of its own in a project": {repos{"p": {"."}, "p/public": {"."}}, "p", "public", "", "p"},
		"a repository below another":          {repos{"p": {"."}, "p/sub": {"."}}, "p/sub", "dist", "", "p/sub"},
		"dotfiles in a home directory":        {repos{".": {".config"}}, "p", "public", "", ""},
		"and a repository in it":              {repos{".": {".config"}, "p": {"."}}, "p", "public", "", "p"},
		"which is published whole":            {repos{".": {".config"}, "p": {"."}}, "p", ".", "", "p"},
		"a home directory that has it":        {repos{".": {"p"}}, "p", "public", "", "."},
		"no commit yet":                       {repos{"p": nil}, "p", "public", "", ""},
		"none":                                {repos{}, "p", "public", "", ""},
		"above the workspace":                 {repos{".": {"ws"}}, "ws", "public", ".", ""},
		"above the workspace, published":      {repos{".": {"ws"}}, "ws", ".", ".", ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := plainWork(t)
			if err := os.MkdirAll(base.path(tt.project), 0o755); err != nil {
				t.Fatal(err)
			}
			for dir, tracked := range tt.repos {
				r := &work{t, base.path(dir)}
				if err := os.MkdirAll(r.dir, 0o755); err != nil {
					t.Fatal(err)
				}
				r.git("init", "-q", "-b", "main")
				for _, at := range tracked {
					r.write(filepath.Join(at, "tracked"), dir)
					r.git("add", "-f", filepath.Join(at, "tracked"))
					r.git("commit", "-q", "-m", "x")
				}
			}
			getenv := func(name string) string {
				if name == "GIT_CEILING_DIRECTORIES" && tt.ceiling != "" {
					return base.path(tt.ceiling)
				}
				return ""
			}
			c, err := OpenCheckout(context.Background(), Options{WorkDir: base.path(tt.project), Dir: tt.folder, Getenv: getenv})
			if tt.want == "" {
				if !errors.Is(err, ErrNoRepository) {
					t.Errorf("got %v, %v", c, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if want := evalExisting(base.path(tt.want)); c.Top() != want {
				t.Errorf("got %s, want %s", c.Top(), want)
			}
		})
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

// Origin comes first, however remotes are ordered, and none has a password.
func TestRemotes(t *testing.T) {
	w := newWork(t).write("public/a", "a")
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "x")
	w.git("remote", "add", "fork", "https://ada:s3cret@github.com/ada/fork.git")
	w.git("remote", "add", "origin", "git@github.com:ada/tides.git")
	w.git("remote", "add", "local", "/srv/tides.git")
	c, err := OpenCheckout(t.Context(), Options{WorkDir: w.dir, Dir: "public"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Remotes(); !slices.Equal(got, []string{"github.com/ada/tides", "github.com/ada/fork"}) {
		t.Errorf("got %q", got)
	}
}

func TestDirty(t *testing.T) {
	w := newWork(t).write("src/page", "one").write("public/index.html", "x")
	w.write(".gitignore", "dist/\n")
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "x")
	dirty := func() bool {
		t.Helper()
		c, err := OpenCheckout(t.Context(), Options{WorkDir: w.dir, Dir: "dist"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d, err := c.Dirty(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if w.write("dist/index.html", "built"); dirty() {
		t.Error("what git ignores makes it dirty")
	}
	if w.write("src/page", "two"); !dirty() {
		t.Error("a changed file does not")
	}
	if w.write("src/page", "one"); dirty() {
		t.Error("a file that is as it was does")
	}
	if w.remove("src/page"); !dirty() {
		t.Error("a removed file does not")
	}
}
