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

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// TestMain makes the test binary the kv-sync that the installed hook runs.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "hook" {
		if err := kvSync(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// trace appends a line to the file KV_SYNC_TEST_TRACE.
func trace(what string) {
	f, err := os.OpenFile(os.Getenv("KV_SYNC_TEST_TRACE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintln(f, what)
}

// kvSync is "kv-sync hook run" for a site in public/, with real git and the real commit
// source, but without network.
func kvSync(ctx context.Context) error {
	r, err := hooks.Find(ctx, "")
	if err != nil {
		return err
	}
	kind, args := hooks.Kind(os.Args[3]), os.Args[4:]
	set, err := r.Settings(ctx, kind)
	if err != nil {
		return err
	}
	trace(strings.Join(append([]string{set.Dir, string(kind)}, args...), " "))
	if kind == hooks.PostReceiveHook {
		return hooks.PostReceive(ctx, r, hooks.Received{Lines: os.Stdin, Notices: os.Stderr},
			func(context.Context, *hooks.Repository) (*hooks.Site, error) {
				return &hooks.Site{Branch: set.Branch, Deploy: traced("deploy")}, nil
			})
	}
	push := hooks.Push{Mode: set.Mode, Lines: os.Stdin, Notices: os.Stderr}
	if len(args) > 1 {
		push.Remote, push.URL = args[0], args[1]
	}
	return hooks.PrePush(ctx, r, push, func(context.Context, *hooks.Repository) (*hooks.Site, error) {
		if os.Getenv("KV_SYNC_TEST_BROKEN") != "" {
			return nil, errors.New("the configuration is broken")
		}
		site := &hooks.Site{
			Branch: os.Getenv("KV_SYNC_TEST_BRANCH"), Remote: os.Getenv("KV_SYNC_TEST_REMOTE"), Directory: "public",
			Settings: []string{"kv-sync.toml"},
			Upload:   traced("upload"), Deploy: traced("deploy"), Again: "kv-sync deploy",
		}
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
		site.Plan = func(context.Context, string) (*plan.Plan, error) {
			trace("network")
			return nil, errors.New("dial tcp: connection refused")
		}
		return site, nil
	})
}

// traced records an operation on a commit. It fails as KV_SYNC_TEST_FAULT says.
func traced(what string) func(context.Context, string, func()) error {
	return func(_ context.Context, commit string, _ func()) error {
		trace(what + " " + commit)
		switch fault := os.Getenv("KV_SYNC_TEST_FAULT"); fault {
		case "":
			return nil
		case "unknown":
			return fmt.Errorf("the switch: %w", cloud.ErrUnknown)
		default:
			return errors.New(fault)
		}
	}
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
	// The package also runs git in this process.
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
	s, err := hooks.Install(w.t.Context(), w.find(), hooks.PrePushHook, o)
	if err != nil {
		w.t.Fatal(err)
	}
	if !s.Installed {
		w.t.Errorf("after installing, the status is %+v", s)
	}
	return s
}

// traced returns the trace since the last call.
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

const secret = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDHhgoSTXYG5D6x\n" +
	"-----END PRIVATE KEY-----\n"

// newWorldBeside returns another repository with the same home.
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

func script(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a 'quoted' $name", "kv-sync")
	write(t, name, text, mode)
	return name
}

// hooksSite returns a site that records its deploy.
func hooksSite(deployed *bool) func(context.Context, *hooks.Repository) (*hooks.Site, error) {
	return func(context.Context, *hooks.Repository) (*hooks.Site, error) {
		return &hooks.Site{Deploy: func(context.Context, string, func()) error { *deployed = true; return nil }}, nil
	}
}
