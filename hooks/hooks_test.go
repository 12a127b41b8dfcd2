package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// TestMain lets the test binary be the kv-sync that the installed hook calls.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "hook" {
		os.Exit(kvSync())
	}
	os.Exit(m.Run())
}

// kvSync is "kv-sync hook run pre-push" for a site in public/, on real git and
// the real commit source. It notes what it was asked in the file that
// KV_SYNC_TEST_TRACE names.
func kvSync() int {
	trace := func(what string) {
		f, err := os.OpenFile(os.Getenv("KV_SYNC_TEST_TRACE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		defer f.Close()
		fmt.Fprintln(f, what)
	}
	trace(strings.Join(os.Args[2:len(os.Args)-1], " "))
	ctx := context.Background()
	r, err := hooks.Find(ctx, "")
	if err == nil {
		push := hooks.Push{Remote: os.Args[len(os.Args)-2], URL: os.Args[len(os.Args)-1], Lines: os.Stdin, Notices: os.Stderr}
		err = hooks.PrePush(ctx, r, push, func(context.Context, *hooks.Repository) (*hooks.Site, error) {
			if os.Getenv("KV_SYNC_TEST_BROKEN") != "" {
				return nil, errors.New("the configuration is broken")
			}
			site := &hooks.Site{Branch: os.Getenv("KV_SYNC_TEST_BRANCH"), Directory: "public", Settings: []string{"kv-sync.toml"}}
			site.Check = func(ctx context.Context, commit string) error {
				trace("check " + commit)
				src, err := source.OpenCommit(ctx, source.Options{WorkDir: r.Top, Dir: "public", Revision: commit})
				if err != nil {
					return err
				}
				defer src.Close()
				_, err = src.Files(ctx, nil)
				return err
			}
			site.Plan = func(context.Context, string) (*kvsync.Plan, error) {
				trace("network")
				return nil, errors.New("dial tcp: connection refused")
			}
			return site, nil
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

// world is a work tree with a bare remote.
type world struct {
	t           *testing.T
	work, trace string
	env         []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root := t.TempDir()
	w := &world{t: t, work: filepath.Join(root, "a work tree"), trace: filepath.Join(root, "trace")}
	home := filepath.Join(root, "home")
	mkdir(t, home)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "KV_SYNC_") {
			w.env = append(w.env, kv)
		}
	}
	w.env = append(w.env, "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "KV_SYNC_TEST_TRACE="+w.trace, "XDG_CONFIG_HOME="+home,
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com")
	// The package itself runs git too.
	for _, kv := range w.env[len(w.env)-8:] {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	w.git(root, "init", "-q", "--bare", "-b", "main", "remote.git")
	w.git(root, "init", "-q", "-b", "main", w.work)
	w.git(w.work, "remote", "add", "origin", filepath.Join(root, "remote.git"))
	w.commit(map[string]string{"public/index.html": "one", "README.md": "one"})
	w.git(w.work, "push", "-q", "-u", "origin", "main")
	return w
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	mkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func (w *world) try(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(out)
}

func (w *world) commit(files map[string]string) string {
	w.t.Helper()
	for name, text := range files {
		write(w.t, filepath.Join(w.work, name), text, 0o644)
	}
	w.git(w.work, "add", "-A", "-f")
	w.git(w.work, "commit", "-q", "-m", "Change")
	return w.git(w.work, "rev-parse", "HEAD")
}

func (w *world) find() *hooks.Repository {
	w.t.Helper()
	r, err := hooks.Find(w.t.Context(), w.work)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) install(o hooks.Options) *hooks.Status {
	w.t.Helper()
	s, err := hooks.Install(w.t.Context(), w.find(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	if !s.Installed {
		w.t.Errorf("after installing, the status is %+v", s)
	}
	return s
}

// traced is what the hook was asked since the last call.
func (w *world) traced() string {
	b, _ := os.ReadFile(w.trace)
	_ = os.Remove(w.trace)
	return string(b)
}

func (w *world) pushes(want bool, args ...string) string {
	w.t.Helper()
	out, err := w.try(w.work, append([]string{"push"}, args...)...)
	if (err == nil) != want {
		w.t.Errorf("git push %v: %v, want success %v\n%s", args, err, want, out)
	}
	return out
}

const secret = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHhgoSTXYG5D6x\n-----END PRIVATE KEY-----\n"

func TestPushOfARefusedFileIsStopped(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	before := w.git(w.work, "rev-parse", "origin/main")
	w.commit(map[string]string{"public/key.pem": secret})
	out := w.pushes(false)
	for _, want := range []string{"key.pem", "private key", "--no-verify"} {
		if !strings.Contains(out, want) {
			t.Errorf("the push says nothing of %q:\n%s", want, out)
		}
	}
	if now := w.git(w.work, "ls-remote", "origin", "refs/heads/main"); !strings.HasPrefix(now, before) {
		t.Errorf("the remote has %s", now)
	}
	if got := w.traced(); strings.Contains(got, "network") {
		t.Errorf("a file that is refused needs no network: %q", got)
	}

	// Other branches, tags and deletions are not the site's.
	w.pushes(true, "origin", "HEAD:refs/heads/draft")
	w.pushes(true, "origin", "HEAD:refs/tags/v1")
	w.pushes(true, "origin", ":refs/heads/draft")
	if got := w.traced(); strings.Contains(got, "check") {
		t.Errorf("they were checked: %q", got)
	}
	// Both ways around.
	w.pushes(true, "--no-verify", "origin", "HEAD:refs/heads/main")
	w.git(w.work, "push", "-q", "-f", "--no-verify", "origin", before+":refs/heads/main")
	w.env = append(w.env, "KV_SYNC_HOOK=off")
	w.pushes(true)
	if got := w.traced(); got != "" {
		t.Errorf("a hook that is off ran: %q", got)
	}
}

func TestPushThatTouchesNoAssetIsQuick(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	many := map[string]string{}
	for i := range 2000 {
		many[fmt.Sprintf("public/%d/%d.html", i%20, i)] = fmt.Sprint(i)
	}
	w.commit(many)
	out := w.pushes(true)
	if !strings.Contains(out, "connection refused") || !strings.Contains(w.traced(), "network") {
		t.Errorf("being offline is a notice:\n%s", out)
	}
	w.commit(map[string]string{"README.md": "two"})
	r := w.find()
	line := fmt.Sprintf("refs/heads/main %s refs/heads/main %s\n", w.git(w.work, "rev-parse", "HEAD"), w.git(w.work, "rev-parse", "origin/main"))
	began := time.Now()
	err := hooks.PrePush(t.Context(), r, hooks.Push{Remote: "origin", Lines: strings.NewReader(line), Notices: t.Output()},
		func(context.Context, *hooks.Repository) (*hooks.Site, error) {
			never := func(context.Context, string) error { t.Error("the site was read"); return nil }
			return &hooks.Site{Directory: "public", Check: never, Plan: func(context.Context, string) (*kvsync.Plan, error) {
				t.Error("the network was asked")
				return nil, nil
			}}, nil
		})
	if took := time.Since(began); err != nil || took > 2*time.Second { // about 10 ms alone
		t.Errorf("it took %s: %v", took, err)
	}
	w.pushes(true)
	if got := w.traced(); strings.Contains(got, "check") || !strings.Contains(got, "pre-push origin") {
		t.Errorf("the hook was asked %q", got)
	}
	// What decides about files counts as an asset.
	w.commit(map[string]string{"kv-sync.toml": "ignore = []"})
	w.pushes(true)
	if got := w.traced(); !strings.Contains(got, "check") {
		t.Errorf("a changed configuration was not looked at: %q", got)
	}
}

func TestNothingElseStopsAPush(t *testing.T) {
	w := newWorld(t)
	gone := filepath.Join(t.TempDir(), "kv-sync")
	w.env = append(w.env, "PATH="+os.Getenv("PATH"))
	for name, c := range map[string]struct {
		binary string
		env    string
		says   string
	}{
		"binary gone":          {gone, "", "gone"},
		"binary does not run":  {script(t, "not a program", 0o755), "", ""},
		"binary is killed":     {script(t, "#!/bin/sh\nkill -9 $$\n", 0o755), "", "status 137"},
		"configuration broken": {"", "KV_SYNC_TEST_BROKEN=1", "configuration is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			w.install(hooks.Options{Binary: c.binary})
			w.commit(map[string]string{"public/x.html": name})
			w := *w
			w.t, w.env = t, append(w.env[:len(w.env):len(w.env)], c.env+"=")
			if c.env != "" {
				w.env[len(w.env)-1] = c.env
			}
			if out := w.pushes(true); !strings.Contains(out, c.says) {
				t.Errorf("the push says\n%s", out)
			}
		})
	}
	w.install(hooks.Options{})
	w.pushes(true) // nothing to push: git gives no line
}

func script(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a 'quoted' $name", "kv-sync")
	write(t, name, text, mode)
	return name
}

func TestMalformedLines(t *testing.T) {
	w := newWorld(t)
	r := w.find()
	oid, zero := strings.Repeat("a", 40), strings.Repeat("0", 40)
	run := func(lines string) error {
		return hooks.PrePush(t.Context(), r, hooks.Push{Remote: "origin", Lines: strings.NewReader(lines), Notices: t.Output()},
			func(context.Context, *hooks.Repository) (*hooks.Site, error) { return nil, errors.New("no site") })
	}
	for _, bad := range []string{"x", "a b c d", "\n", "refs/heads/main " + oid + " refs/heads/main", "refs/heads/main " + oid + " main " + zero,
		"refs/heads/main " + oid + " refs/heads/main " + zero + zero[:24], strings.Repeat("x", 1<<20)} {
		if err := run(bad); err == nil || !strings.Contains(err.Error(), "standard input") {
			t.Errorf("%.60q gives %v", bad, err)
		}
	}
	for _, good := range []string{"", "HEAD^{/fix the title} " + oid + " refs/heads/main " + zero + "\n", "(delete) " + zero + " refs/heads/main " + oid} {
		if err := run(good); err != nil {
			t.Errorf("%q gives %v", good, err)
		}
	}
}

// snapshot is every file of a folder with its mode, link or bytes.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text, _ := os.Readlink(name)
		if text == "" {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text = string(b)
		}
		out[name] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func TestUninstallRestoresWhatWasThere(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"a hook": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\ncat >/dev/null; echo mine", 0o750)
		},
		"not to run": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\nexit 1\n", 0o644) },
		"a symlink": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "shared.sh"), "#!/bin/sh\nexit 0\n", 0o755)
			if err := os.Symlink("shared.sh", filepath.Join(dir, "pre-push")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(w.work, ".git")
			prepare(t, filepath.Join(dir, "hooks"))
			before := snapshot(t, filepath.Join(dir, "hooks"))
			config := snapshot(t, filepath.Join(dir, "config"))
			w.install(hooks.Options{})
			once := snapshot(t, filepath.Join(dir, "hooks"))
			w.install(hooks.Options{})
			equal(t, "installing twice", snapshot(t, filepath.Join(dir, "hooks")), once)
			w.commit(map[string]string{"public/index.html": name})
			w.pushes(true)
			if !strings.Contains(w.traced(), "check") {
				t.Error("the hook did not run")
			}
			for range 2 {
				if s, err := hooks.Uninstall(t.Context(), w.find()); err != nil || s.Installed {
					t.Fatalf("%+v, %v", s, err)
				}
				equal(t, "uninstalling", snapshot(t, filepath.Join(dir, "hooks")), before)
			}
			equal(t, "the configuration", snapshot(t, filepath.Join(dir, "config")), config)
		})
	}
}

func equal(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %q, want %q", what, name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s left %s", what, name)
		}
	}
}

func TestHookThatWasThereRunsFirst(t *testing.T) {
	w := newWorld(t)
	seen := filepath.Join(t.TempDir(), "seen")
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	write(t, hook, "#!/bin/sh\necho \"$@\" > '"+seen+"'\ncat >> '"+seen+"'\n", 0o755)
	if s := w.install(hooks.Options{}); s.Chained == "" {
		t.Errorf("the status is %+v", s)
	}
	head := w.commit(map[string]string{"public/index.html": "two"})
	w.pushes(true)
	b, _ := os.ReadFile(seen)
	if got := string(b); !strings.HasPrefix(got, "origin ") || !strings.Contains(got, "refs/heads/main "+head+" refs/heads/main ") {
		t.Errorf("it was given %q", got)
	}
	w.traced()
	write(t, hook+".before-kv-sync", "#!/bin/sh\nexit 7\n", 0o755)
	w.commit(map[string]string{"public/index.html": "three"})
	w.pushes(false)
	if got := w.traced(); got != "" {
		t.Errorf("kv-sync ran after a hook that failed: %q", got)
	}
	// Another tool puts itself in the place: nothing of anybody is overwritten.
	write(t, hook, "#!/bin/sh\n# another tool\n", 0o755)
	before := snapshot(t, filepath.Dir(hook))
	if _, err := hooks.Install(t.Context(), w.find(), hooks.Options{}); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("installing over it: %v", err)
	}
	if _, err := hooks.Uninstall(t.Context(), w.find()); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("uninstalling it: %v", err)
	}
	equal(t, "refusing", snapshot(t, filepath.Dir(hook)), before)
}

func TestHooksPath(t *testing.T) {
	for name, set := range map[string]func(w *world) (value, dir string){
		"relative": func(w *world) (string, string) { return "tools/hooks", filepath.Join(w.work, "tools/hooks") },
		"absolute": func(w *world) (string, string) { d := w.t.TempDir(); return d, d },
		"home":     func(w *world) (string, string) { return "~/hooks", filepath.Join(os.Getenv("HOME"), "hooks") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			value, dir := set(w)
			w.git(w.work, "config", "--global", "core.hooksPath", value)
			sub := filepath.Join(w.work, "public")
			r, err := hooks.Find(t.Context(), sub)
			if err != nil {
				t.Fatal(err)
			}
			s, err := hooks.Install(t.Context(), r, hooks.Options{Args: []string{"--dir", "it's here"}})
			if err != nil || s.Path != filepath.Join(dir, "pre-push") || s.Shared != (name != "relative") {
				t.Fatalf("%+v, %v", s, err)
			}
			w.commit(map[string]string{"public/key.pem": secret})
			w.pushes(false)
			if got := w.traced(); !strings.Contains(got, "--dir it's here pre-push origin") {
				t.Errorf("the hook was asked %q", got)
			}
			if name == "relative" {
				return
			}
			// The folder serves other repositories, and they are left alone.
			other := newWorldBeside(w)
			other.commit(map[string]string{"public/key.pem": secret})
			other.pushes(true)
			if s, err := hooks.StatusOf(t.Context(), other.find()); err != nil || s.Installed {
				t.Errorf("beside it, the status is %+v, %v", s, err)
			}
			config := snapshot(t, filepath.Join(w.work, ".git", "config"))
			if _, err := hooks.Uninstall(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			for _, text := range config {
				if !strings.Contains(text, "prepush") {
					t.Errorf("the configuration was %q", text)
				}
			}
			for _, text := range snapshot(t, filepath.Join(w.work, ".git", "config")) {
				if strings.Contains(text, "kv-sync") {
					t.Errorf("the configuration is %q", text)
				}
			}
		})
	}
}

// newWorldBeside is another repository of the same person.
func newWorldBeside(w *world) *world {
	o := *w
	o.work = filepath.Join(w.t.TempDir(), "other")
	remote := filepath.Join(w.t.TempDir(), "other.git")
	o.git(filepath.Dir(remote), "init", "-q", "--bare", remote)
	o.git(filepath.Dir(remote), "init", "-q", "-b", "main", o.work)
	o.git(o.work, "remote", "add", "origin", remote)
	o.git(o.work, "config", "push.default", "current")
	return &o
}

func TestHuskyIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	write(t, filepath.Join(w.work, ".husky/_/pre-push"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"", 0o755)
	w.git(w.work, "config", "core.hooksPath", ".husky/_")
	before := snapshot(t, filepath.Join(w.work, ".husky"))
	if _, err := hooks.Install(t.Context(), w.find(), hooks.Options{}); err == nil || !strings.Contains(err.Error(), ".husky/pre-push") {
		t.Errorf("installing: %v", err)
	}
	equal(t, "refusing", snapshot(t, filepath.Join(w.work, ".husky")), before)
}

func TestLinkedWorktree(t *testing.T) {
	w := newWorld(t)
	tree := filepath.Join(t.TempDir(), "linked")
	w.git(w.work, "worktree", "add", "-q", "-b", "side", tree)
	main := w.work
	w.work = tree
	s := w.install(hooks.Options{})
	if want := filepath.Join(main, ".git", "hooks", "pre-push"); s.Path != want || s.Shared {
		t.Errorf("it was installed as %+v, want %s", s, want)
	}
	w.commit(map[string]string{"public/key.pem": secret})
	w.pushes(false, "origin", "HEAD:main")
	// GIT_DIR is how git tells where it is; another repository is not meant by it.
	t.Setenv("GIT_DIR", filepath.Join(main, ".git"))
	r, err := hooks.Find(t.Context(), "")
	if err != nil || r.GitDir != filepath.Join(main, ".git") {
		t.Errorf("GIT_DIR is not honoured: %+v, %v", r, err)
	}
	other := newWorldBeside(w)
	if r, err = hooks.Find(t.Context(), other.work); err != nil || r.GitDir != filepath.Join(other.work, ".git") {
		t.Errorf("GIT_DIR leads to another repository: %+v, %v", r, err)
	}
}

func TestBranchThatIsDeployed(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	w.commit(map[string]string{"public/key.pem": secret})
	w.env = append(w.env, "KV_SYNC_TEST_BRANCH=live")
	w.pushes(false, "origin", "HEAD:live")
	w.pushes(true, "origin", "HEAD:main")
	w.git(w.work, "push", "-q", "--no-verify", "origin", "HEAD:live")
	w.traced()
	w.pushes(true, "origin", ":live", "HEAD:other")
	if got := w.traced(); strings.Contains(got, "check") {
		t.Errorf("a deletion was checked: %q", got)
	}
	w.env = append(w.env, "KV_SYNC_TEST_BRANCH=")
	// The remote's default branch, as this clone knows it.
	w.git(w.work, "push", "-q", "--no-verify", "origin", "HEAD:trunk")
	w.git(w.work, "remote", "set-head", "origin", "trunk")
	w.commit(map[string]string{"public/x.html": "x"})
	w.pushes(true, "origin", "HEAD:main")
	w.pushes(false, "origin", "HEAD:trunk")
}

func TestNoRepository(t *testing.T) {
	if _, err := hooks.Find(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "find the git repository") {
		t.Errorf("%v", err)
	}
}
