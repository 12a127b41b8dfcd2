package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// forge is a work tree with a bare repository as its remote, and a platform.
type forge struct {
	t          *testing.T
	work, bare string
	env        []string
	p          *platformtest.Fixture
}

// newForge makes a forge whose work tree has one commit that is not pushed.
func newForge(t *testing.T) *forge {
	t.Helper()
	root := t.TempDir()
	f := &forge{t: t, work: filepath.Join(root, "work"), bare: filepath.Join(root, "bare.git"), p: platformtest.Start(t)}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") && !strings.HasPrefix(kv, "KV_SYNC_") && !strings.HasPrefix(kv, "CLOUDFLARE_") {
			f.env = append(f.env, kv)
		}
	}
	f.env = append(f.env, "HOME="+root, "XDG_CACHE_HOME="+filepath.Join(root, "cache"), "GIT_CONFIG_NOSYSTEM=1",
		"GITHUB_TOKEN=", "CI=", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=ada@example.org")
	f.must(root, "git", "init", "-q", "--bare", "-b", "main", f.bare)
	f.must(root, "git", "init", "-q", "-b", "main", f.work)
	f.must(f.work, "git", "remote", "add", "origin", "file://"+f.bare)
	f.commit("one")
	return f
}

// account returns the environment variables for the platform.
func (f *forge) account() []string {
	return append(account(f.p), "KV_SYNC_NAME=forged")
}

// serve installs the hook that deploys pushed commits in the bare repository.
func (f *forge) serve() {
	f.t.Helper()
	file := filepath.Join(filepath.Dir(f.bare), "forged.env")
	if err := os.WriteFile(file, []byte(strings.Join(f.account(), "\n")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.must(f.bare, "kv-sync", "hook", "install", "--post-receive", "--env-file", file)
}

func (f *forge) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(f.t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, f.env
	return cmd
}

func (f *forge) must(dir, name string, args ...string) string {
	f.t.Helper()
	out, err := f.command(dir, name, args...).CombinedOutput()
	if err != nil {
		f.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (f *forge) commit(text string) string {
	f.t.Helper()
	write(f.t, filepath.Join(f.work, "public", "index.html"), text)
	f.must(f.work, "git", "add", "-A")
	f.must(f.work, "git", "commit", "-q", "-m", text)
	return f.must(f.work, "git", "rev-parse", "HEAD")
}

// live returns the live commit, or "".
func (f *forge) live() string {
	cmd := f.command(f.work, "kv-sync", "history", "--json")
	cmd.Env = append(cmd.Env, f.account()...)
	out, _ := cmd.Output() // fails if nothing is live
	return gjson.GetBytes(out, "commit").String()
}

// hold delays the first request of a kind until release is called, and signals its arrival. The
// request then fails with the given fault.
func (f *forge) hold(kind string, then platform.Fault) (came <-chan struct{}, release func()) {
	arrived, free := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	var freed sync.Once
	f.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == kind && held.CompareAndSwap(false, true) {
			close(arrived)
			<-free
			return then
		}
		return platform.Fault{}
	})
	release = func() { freed.Do(func() { close(free) }) }
	f.t.Cleanup(release)
	return arrived, release
}

func (f *forge) wait(came <-chan struct{}) {
	f.t.Helper()
	select {
	case <-came:
	case <-time.After(hangLimit):
		f.t.Fatal("the request did not arrive")
	}
}

// After two simultaneous pushes the newer commit is live, whichever deploy is slower.
func TestTwoPushesAtOnce(t *testing.T) {
	f := newForge(t)
	f.serve()
	f.must(f.work, "git", "push", "-q", "origin", "main")
	for i := range 3 {
		f.commit(fmt.Sprintf("first %d", i))
		came, release := f.hold([]string{"kv.bulk.put", "workers.versions.create", "workers.deployments.create"}[i],
			platform.Fault{})
		first := f.command(f.work, "git", "push", "-q", "origin", "main")
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		f.wait(came)
		second := f.commit(fmt.Sprintf("second %d", i))
		f.must(f.work, "git", "push", "-q", "origin", "main") // goes live before the first deploy continues
		release()
		if err := first.Wait(); err != nil {
			t.Errorf("the first push: %v", err)
		}
		f.p.Server.SetFault(nil)
		if got := f.live(); got != second {
			t.Errorf("round %d: live is %s, want %s", i, got, second)
		}
	}
}

// If the client of a push disconnects, the push stays and the deploy continues.
func TestDeployContinuesAfterTheClientDisconnects(t *testing.T) {
	f := newForge(t)
	f.serve()
	head := f.must(f.work, "git", "rev-parse", "HEAD")
	came, release := f.hold("kv.bulk.put", platform.Fault{})
	push := f.command(f.work, "git", "push", "-q", "origin", "main")
	if err := push.Start(); err != nil {
		t.Fatal(err)
	}
	f.wait(came)
	if err := push.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = push.Wait()
	release()
	if !eventually(func() bool { return f.live() == head }) {
		t.Fatal("the received commit is not live")
	}
}

// A deploy continues after its standard error was closed.
func TestDeployContinuesWithoutStandardError(t *testing.T) {
	f := newForge(t)
	f.must(f.work, "git", "push", "-q", "origin", "main")
	head := f.must(f.work, "git", "rev-parse", "HEAD")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := f.command(f.bare, "kv-sync", "hook", "run", "post-receive")
	cmd.Env = append(cmd.Env, f.account()...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Repeat("0", 40)+" "+head+" refs/heads/main\n"), w
	if err := cmd.Run(); err != nil {
		t.Errorf("the hook: %v", err)
	}
	if got := f.live(); got != head {
		t.Errorf("live is %q, want %s", got, head)
	}
}

// A push over HTTP deploys. The hook is run by git-http-backend, as on servers.
func TestPushOverHTTP(t *testing.T) {
	f := newForge(t)
	f.serve()
	f.must(f.bare, "git", "config", "http.receivepack", "true")
	backend := filepath.Join(f.must(f.work, "git", "--exec-path"), "git-http-backend")
	server := httptest.NewServer(&cgi.Handler{
		Path: backend, Dir: f.bare, Stderr: t.Output(),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(f.bare), "GIT_HTTP_EXPORT_ALL=1", "HOME=" + filepath.Dir(f.bare),
			"PATH=" + os.Getenv("PATH")},
	})
	defer server.Close()
	out := f.must(f.work, "git", "push", server.URL+"/bare.git", "main")
	if !strings.Contains(out, "remote: Live: ") {
		t.Errorf("the push says\n%s", out)
	}
	if got, want := f.live(), f.must(f.work, "git", "rev-parse", "HEAD"); got != want {
		t.Errorf("live is %q, want %q", got, want)
	}
}

// If the network hangs, a push ends after a timeout. In mode check the timeout is short.
func TestNetworkThatHangs(t *testing.T) {
	f := newForge(t)
	f.must(f.work, "kv-sync", "hook", "install")
	f.env = append(f.env, f.account()...)
	f.p.Server.SetFault(func(platform.RequestInfo) platform.Fault { return platform.Fault{Kind: platform.FaultHang} })
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	push := exec.CommandContext(ctx, "git", "push", "origin", "main")
	push.Dir, push.Env = f.work, f.env
	out, err := push.CombinedOutput()
	if err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) ||
		!strings.Contains(string(out), "can be published; it was not compared with the live site: no answer in time") {
		t.Errorf("%v\n%s", err, out)
	}
}
