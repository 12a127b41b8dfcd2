package app_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// checkout is a bare repository and a folder for its work tree, as in the daemon.
type checkout struct {
	t          *testing.T
	mirror     string
	root       string
	f          *platformtest.Fixture
	work       string // where commits are made
	cache, dir string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	base := t.TempDir()
	c := &checkout{
		t: t, f: platformtest.Start(t), cache: t.TempDir(), dir: "dist",
		mirror: filepath.Join(base, "mirror.git"), root: filepath.Join(base, "tree"), work: filepath.Join(base, "work"),
	}
	c.git(base, "init", "-q", "-b", "main", c.work)
	c.git(base, "init", "-q", "--bare", c.mirror)
	c.fill(c.root, nil)
	return c
}

func (c *checkout) git(dir string, args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c *checkout) fill(dir string, files map[string]string) {
	c.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
}

// commit makes a commit of some files and returns its id.
func (c *checkout) commit(files map[string]string) string {
	c.t.Helper()
	c.fill(c.work, files)
	c.git(c.work, "add", "-A")
	c.git(c.work, "commit", "-q", "--allow-empty", "-m", "change")
	c.git(c.work, "push", "-q", "--force", c.mirror, "HEAD:refs/heads/main")
	return c.git(c.work, "rev-parse", "HEAD")
}

func (c *checkout) inputs() app.Inputs {
	env := map[string]string{"GIT_DIR": c.mirror, "GIT_WORK_TREE": c.root}
	return app.Inputs{
		Root: c.root, Name: "tides", CacheDir: c.cache, Directory: c.dir,
		Getenv: func(name string) string { return env[name] },
		Token:  c.f.Token, AccountID: c.f.AccountID, BaseURL: c.f.BaseURL, Boundary: c.root,
	}
}

// deploy publishes a folder with a page that was built from a commit.
func (c *checkout) deploy(commit, page string, opt plan.Options) (*kvsync.Result, error) {
	c.t.Helper()
	c.fill(c.root, map[string]string{"dist/index.html": page})
	in := c.inputs()
	in.BuiltFrom = commit
	return open(c.t, in).Deploy(c.t.Context(), opt)
}

func (c *checkout) stopped(err error, by guard.ID) {
	c.t.Helper()
	var guard *guard.Error
	if !errors.As(err, &guard) || guard.Guard != by {
		c.t.Errorf("got %v, want the guard %q", err, by)
	}
}

// The build of a commit is ordered by its commit. The build of an older commit is refused. A
// rollback holds a commit back until a newer one is deployed.
func TestBuildsAreOrderedAndHeld(t *testing.T) {
	c := newCheckout(t)
	one, two := c.commit(nil), c.commit(nil)
	if _, err := c.deploy(one, "one", plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if res, err := c.deploy(two, "two", plan.Options{}); err != nil || res.Commit != two || !res.Switched {
		t.Fatalf("%+v, %v", res, err)
	}
	_, err := c.deploy(one, "one", plan.Options{})
	c.stopped(err, guard.Older)

	in := c.inputs()
	in.DeployedOnly = true
	list, err := open(t, in).History(t.Context())
	if err != nil || len(list) != 2 || list[0].Commit != two || list[0].Record == nil ||
		list[0].Record.Subject != "change" || list[0].Record.Author == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := open(t, in).Rollback(t.Context(), kvsync.RollbackOptions{To: one}); err != nil {
		t.Fatal(err)
	}
	_, err = c.deploy(two, "two again", plan.Options{})
	c.stopped(err, guard.Held)
	three := c.commit(nil)
	if res, err := c.deploy(three, "three", plan.Options{}); err != nil || res.Commit != three {
		t.Fatalf("%+v, %v", res, err)
	}
}

// If the folder of a newer commit is the same, nothing is uploaded, and the live version is
// activated again for that commit.
func TestBuiltFromWithoutChange(t *testing.T) {
	c := newCheckout(t)
	if _, err := c.deploy(c.commit(nil), "same", plan.Options{}); err != nil {
		t.Fatal(err)
	}
	next := c.commit(nil)
	if res, err := c.deploy(next, "same", plan.Options{}); err != nil || !res.Plan.NoChange ||
		res.Version != res.PreviousVersion || res.Commit != next {
		t.Errorf("%+v, %v", res, err)
	}
}

// A repository that is not trusted cannot publish files from outside of its folder.
func TestConfined(t *testing.T) {
	c := newCheckout(t)
	outside := t.TempDir()
	c.fill(outside, map[string]string{"index.html": "secret", "kv-sync.toml": `namespace = "secret"`,
		"token.txt": "secret"})
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(c.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	try := func(in app.Inputs) error {
		t.Helper()
		site, err := app.Open(t.Context(), in)
		if err != nil {
			return err
		}
		defer site.Close()
		_, err = site.Plan(t.Context(), plan.Options{})
		return err
	}
	commit := c.commit(map[string]string{"public/index.html": "x"})
	for _, tc := range []struct {
		name, want string
		make       func(*app.Inputs)
	}{
		{"a named folder", "which is outside of", func(in *app.Inputs) {
			link(outside, "elsewhere")
			in.Directory = "elsewhere"
		}},
		{"the default folder", "which is outside of", func(in *app.Inputs) {
			if err := os.RemoveAll(filepath.Join(c.root, "dist")); err != nil {
				t.Fatal(err)
			}
			link(outside, "public")
			in.Directory = ""
		}},
		{"a file in the folder", "cannot be published", func(*app.Inputs) {
			link(filepath.Join(outside, "index.html"), "dist/other.html")
		}},
		{"the configuration", "which is outside of", func(*app.Inputs) {
			link(filepath.Join(outside, "kv-sync.toml"), "kv-sync.toml")
		}},
		{"an import", "outside of", func(*app.Inputs) {
			c.fill(c.root, map[string]string{
				"wrangler.toml": "name = \"tides\"\nmain = \"worker.js\"\n",
				"worker.js": `import text from ` + quoted(filepath.Join(outside, "token.txt")) +
					`; export default { fetch() { return new Response(text) } }`,
			})
		}},
		{"an import of code", "outside of", func(*app.Inputs) {
			c.fill(outside, map[string]string{"code.js": "export default 'secret'"})
			c.fill(c.root, map[string]string{
				"wrangler.toml": "name = \"tides\"\nmain = \"worker.js\"\n",
				"worker.js": `import text from ` + quoted(filepath.Join(outside, "code.js")) +
					`; export default { fetch() { return new Response(text) } }`,
			})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.RemoveAll(c.root); err != nil {
				t.Fatal(err)
			}
			c.fill(c.root, map[string]string{"dist/index.html": "x"})
			in := c.inputs()
			in.BuiltFrom = commit
			tc.make(&in)
			f := app.Explain(advice.Terminal, try(in))
			if f == nil {
				t.Fatal("the plan succeeded")
			}
			text := f.Message
			for _, p := range f.Problems {
				text += "\n" + p.String()
			}
			if !strings.Contains(text, tc.want) || strings.Contains(text, `"secret"`) {
				t.Errorf("got %s", text)
			}
		})
	}
	// Files of git are outside of the boundary too.
	c.git(c.root, "init", "-q")
	in := c.inputs()
	in.BuiltFrom = commit
	c.fill(c.root, map[string]string{
		"wrangler.toml":   "name = \"tides\"\nmain = \"worker.js\"\n[[rules]]\ntype = \"Text\"\nglobs = [\"**/config\"]\n",
		"dist/index.html": "x",
		"worker.js":       "import text from './.git/config'; export default { fetch() { return new Response(text) } }",
	})
	if f := app.Explain(advice.Terminal, try(in)); f == nil || len(f.Problems) == 0 {
		t.Errorf("the settings of git were bundled: %+v", f)
	}
	in.Builds, in.BuildOutput = true, &bytes.Buffer{}
	for name, index := range map[string]string{"a symlink": "", "git's folder": "index = \".git/config\"\n"} {
		if err := os.RemoveAll(filepath.Join(c.root, "data")); err != nil {
			t.Fatal(err)
		}
		link(outside, "data")
		c.fill(c.root, map[string]string{
			"kv-sync.toml": "layout = \"kv-assets\"\nworker = \"worker.js\"\n" + index, "wrangler.toml": "name = \"tides\"\n",
			"worker.js": "export default {}",
		})
		if f := app.Explain(advice.Terminal, try(in)); f == nil || len(f.Problems) != 1 ||
			!strings.Contains(f.Problems[0].Reason, "index may not be used") {
			t.Errorf("an index behind %s: %+v", name, f)
		}
	}
	// All files of a bare repository are files of git.
	bare := c.inputs()
	bare.Root, bare.Boundary, bare.Getenv = c.mirror, "", func(string) string { return "" }
	for name, files := range map[string]map[string]string{
		"code": {
			"wrangler.toml": "name = \"tides\"\nmain = \"worker.js\"\n[[rules]]\ntype = \"Text\"\nglobs = [\"**/config\"]\n",
			"worker.js":     "import text from './config'; export default { fetch() { return new Response(text) } }",
		},
		"the main file": {"wrangler.toml": "name = \"tides\"\nmain = \"config\"\nno_bundle = true\n"},
		"an index": {
			"kv-sync.toml":  "layout = \"kv-assets\"\nworker = \"worker.js\"\nindex = \"hooks/post-receive\"\n",
			"wrangler.toml": "name = \"tides\"\n",
			"worker.js":     "export default {}",
		},
	} {
		c.fill(c.work, files)
		bare.Directory, bare.Commit = "public", c.commit(nil)
		if f := app.Explain(advice.Terminal, try(bare)); f == nil || f.Kind != app.KindRefused && f.Kind != app.KindUsage {
			t.Errorf("%s of a bare repository: %+v", name, f)
		}
		c.git(c.work, "rm", "-q", "-r", "--cached", ".")
		c.git(c.work, "clean", "-fdq", "-e", "public")
	}
	// The code of a commit cannot read other files either. There is no work tree.
	c.fill(c.work, map[string]string{
		"wrangler.toml": "name = \"tides\"\nmain = \"worker.js\"\n",
		"worker.js": `import text from ` + quoted(filepath.Join(outside, "token.txt")) +
			`; export default { fetch() { return new Response(text) } }`,
	})
	in = c.inputs()
	in.Directory, in.Commit, in.Root = "public", c.commit(nil), t.TempDir()
	in.Boundary = in.Root
	env := map[string]string{"GIT_DIR": c.mirror, "GIT_WORK_TREE": in.Root}
	in.Getenv = func(name string) string { return env[name] }
	if f := app.Explain(advice.Terminal, try(in)); f == nil || len(f.Problems) == 0 ||
		!strings.Contains(f.Problems[0].String(), "outside of") {
		t.Errorf("got %+v", f)
	}
}

func quoted(s string) string { return `"` + s + `"` }

// Build runs the caller's command, or that of the configuration, without secrets in its
// environment.
func TestBuild(t *testing.T) {
	c := newCheckout(t)
	c.fill(c.root, map[string]string{
		"dist/index.html": "x", "sub/here": "",
		"wrangler.toml": "name = \"tides\"\npages_build_output_dir = \"dist\"\n[build]\ncommand = \"pwd; env\"\n" +
			"cwd = \"sub\"\n",
	})
	var out bytes.Buffer
	in := c.inputs()
	in.BuiltFrom, in.Builds, in.BuildOutput = c.commit(nil), true, &out
	in.Secrets, in.BuildEnv = []string{"hunter2"}, []string{"PATH=" + os.Getenv("PATH"), "PLAIN=seen",
		"HIDDEN=is-hunter2", "MY_TOKEN=t"}
	site := open(t, in)
	if err := site.Build(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.HasPrefix(text, filepath.Join(c.root, "sub")+"\n") || !strings.Contains(text, "PLAIN=seen") ||
		strings.Contains(text, "hunter2") || strings.Contains(text, "MY_TOKEN") {
		t.Errorf("the build saw %s", text)
	}
	if out.Reset(); site.Build(t.Context(), "pwd") != nil || out.String() != c.root+"\n" {
		t.Errorf("the caller's build ran in %s", out.String())
	}
	if err := os.Remove(filepath.Join(c.root, "wrangler.toml")); err != nil {
		t.Fatal(err)
	}
	if err := open(t, in).Build(t.Context(), ""); app.Explain(advice.Terminal, err) == nil ||
		app.Explain(advice.Terminal, err).Kind != app.KindUsage {
		t.Errorf("without a build in the configuration: %v", err)
	}
}
