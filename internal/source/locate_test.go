package source

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// The repository of a published folder is the innermost one that strictly contains the folder
// and tracks the project, otherwise the one whose root the folder is.
func TestLocate(t *testing.T) {
	// repos maps the folders of repositories to the folders that they track. The latter contain
	// a committed file.
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
		"a repository beside dotfiles":        {repos{".": {".config"}, "p": {"."}}, "p", "public", "", "p"},
		"a repository as the folder":          {repos{".": {".config"}, "p": {"."}}, "p", ".", "", "p"},
		"a home directory with the project":   {repos{".": {"p"}}, "p", "public", "", "."},
		"no commit yet":                       {repos{"p": nil}, "p", "public", "", ""},
		"none":                                {repos{}, "p", "public", "", ""},
		"above the ceiling":                   {repos{".": {"ws"}}, "ws", "public", ".", ""},
		"the folder at the ceiling":           {repos{".": {"ws"}}, "ws", ".", ".", ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := gittest.Plain(t)
			if err := os.MkdirAll(base.Path(tt.project), 0o755); err != nil {
				t.Fatal(err)
			}
			for dir, tracked := range tt.repos {
				r := &gittest.Work{TB: t, Dir: base.Path(dir)}
				if err := os.MkdirAll(r.Dir, 0o755); err != nil {
					t.Fatal(err)
				}
				r.Git("init", "-q", "-b", "main")
				for _, at := range tracked {
					r.Write(filepath.Join(at, "tracked"), dir)
					r.Git("add", "-f", filepath.Join(at, "tracked"))
					r.Git("commit", "-q", "-m", "x")
				}
			}
			getenv := func(name string) string {
				if name == "GIT_CEILING_DIRECTORIES" && tt.ceiling != "" {
					return base.Path(tt.ceiling)
				}
				return ""
			}
			c, err := OpenCheckout(t.Context(), Options{WorkDir: base.Path(tt.project), Dir: tt.folder, Getenv: getenv})
			if tt.want == "" {
				if !errors.Is(err, worktree.ErrNoRepository) {
					t.Errorf("got %v, %v", c, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if want := worktree.RealPath(base.Path(tt.want)); c.Top() != want {
				t.Errorf("got %s, want %s", c.Top(), want)
			}
		})
	}
}

// The remote origin comes first, and no address contains a user or a password.
func TestRemotes(t *testing.T) {
	w := gittest.New(t).Write("public/a", "a")
	w.Git("add", "-A")
	w.Git("commit", "-q", "-m", "x")
	w.Git("remote", "add", "fork", "https://ada:s3cret@github.com/ada/fork.git")
	w.Git("remote", "add", "origin", "git@github.com:ada/tides.git")
	w.Git("remote", "add", "local", "/srv/tides.git")
	c, err := OpenCheckout(t.Context(), Options{WorkDir: w.Dir, Dir: "public"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Remotes(); !slices.Equal(got, []string{"github.com/ada/tides", "github.com/ada/fork"}) {
		t.Errorf("got %q", got)
	}
}

func TestDirty(t *testing.T) {
	w := gittest.New(t).Write("src/page", "one").Write("public/index.html", "x")
	w.Write(".gitignore", "dist/\n")
	w.Git("add", "-A")
	w.Git("commit", "-q", "-m", "x")
	dirty := func() bool {
		t.Helper()
		c, err := OpenCheckout(t.Context(), Options{WorkDir: w.Dir, Dir: "dist"})
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
	if w.Write("dist/index.html", "built"); dirty() {
		t.Error("an ignored file makes the work tree dirty")
	}
	if w.Write("src/page", "two"); !dirty() {
		t.Error("a changed file does not make the work tree dirty")
	}
	if w.Write("src/page", "one"); dirty() {
		t.Error("a file with its original content makes the work tree dirty")
	}
	if w.Remove("src/page"); !dirty() {
		t.Error("a removed file does not make the work tree dirty")
	}
}
