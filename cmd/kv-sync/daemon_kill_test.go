package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// kill sends SIGKILL to the daemon and waits until all its child processes have ended. They
// would otherwise work in the same folders as the next daemon.
func (d *daemonProcess) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Fatal(err)
	}
	if err := <-d.ended; err == nil {
		d.t.Fatal("the daemon was not killed")
	}
	d.await("its child processes to end", func() bool { return len(d.descendants()) == 0 })
}

// descendants lists the processes that have the daemon's environment. Without /proc the list is
// empty.
func (d *daemonProcess) descendants() (out []string) {
	list, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range list {
		if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte("KV_SYNC_FAMILY="+d.config+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			out = append(out, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// half is a response that hangs after a number of bytes.
type half struct {
	http.ResponseWriter
	left    int
	q       *http.Request
	reached chan<- struct{}
}

func (h *half) Write(p []byte) (int, error) {
	if len(p) <= h.left {
		h.left -= len(p)
		return h.ResponseWriter.Write(p)
	}
	_, _ = h.ResponseWriter.Write(p[:h.left])
	_ = http.NewResponseController(h.ResponseWriter).Flush()
	select {
	case h.reached <- struct{}{}:
	default:
	}
	<-h.q.Context().Done()
	return 0, h.q.Context().Err()
}

// TestDaemonKilledInAFetch kills the daemon during its first clone and during a fetch. Its git
// processes end, too. The next daemon fetches and deploys, and leaves no temporary files.
func TestDaemonKilledInAFetch(t *testing.T) {
	t.Parallel()
	execs, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	repo := filepath.Join(base, "work")
	git(t, base, "init", "--quiet", "--initial-branch", "main", repo)
	git(t, base, "init", "--quiet", "--bare", "--initial-branch", "main", "site.git")
	write(t, filepath.Join(repo, "public", "same.css"), "same")
	push := func(page string) {
		t.Helper()
		noise := make([]byte, 1<<20) // noise cannot be compressed, so the pack is large
		rand.New(rand.NewSource(int64(len(page)))).Read(noise)
		write(t, filepath.Join(repo, "notes", page+".bin"), string(noise))
		write(t, filepath.Join(repo, "public", "index.html"), page)
		git(t, repo, "add", "-A")
		git(t, repo, "commit", "--quiet", "-m", page)
		git(t, repo, "push", "--quiet", filepath.Join(base, "site.git"), "main")
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(execs)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + base, "GIT_HTTP_EXPORT_ALL=1"}, InheritEnv: []string{"PATH"},
	}
	var slow atomic.Bool
	reached := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if slow.Load() {
			w = &half{w, 300 << 10, q, reached}
		}
		backend.ServeHTTP(w, q)
	}))
	defer server.Close()
	state := t.TempDir()
	config := filepath.Join(t.TempDir(), "daemon.toml")
	write(t, config, fmt.Sprintf("state = %q\npoll = \"0\"\n[[site]]\nname = \"victim\"\nremote = %q\n", state,
		server.URL+"/site.git"))
	v := &victim{t: t, repo: repo, cache: t.TempDir(), p: platformtest.Start(t)}
	d := &daemonProcess{victim: v, config: config}
	for _, page := range []string{"first", "second"} {
		push(page)
		slow.Store(true)
		d.start()
		<-reached
		d.kill()
		slow.Store(false)
		d.start()
		d.await("the deploy", func() bool { return strings.Contains(d.log.String(), "msg=done") })
		d.stop()
		if got := v.live(); got != page {
			t.Errorf("live is %q, want %q", got, page)
		}
		if text := d.log.String(); strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
			t.Errorf("the next daemon says %s", text)
		}
		_ = filepath.WalkDir(filepath.Join(state, "sites"), func(path string, e fs.DirEntry, err error) error {
			if err != nil || strings.HasPrefix(e.Name(), "tmp_") || strings.HasSuffix(path, ".lock") ||
				strings.HasSuffix(path, ".keep") || e.Name() == "mirror.git.new" {
				t.Errorf("%s is left: %v", path, err)
			}
			return nil
		})
	}
}

// TestDaemonKilledInABuild kills the daemon during a build. All processes of the build end, even
// one in a session of its own. The next daemon builds the commit in a fresh checkout.
func TestDaemonKilledInABuild(t *testing.T) {
	t.Parallel()
	repo := t.TempDir()
	git(t, repo, "init", "--quiet", "--initial-branch", "main", ".")
	write(t, filepath.Join(repo, "page"), "built")
	write(t, filepath.Join(repo, "same.css"), "same")
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "--quiet", "-m", "x")
	dir, signals := t.TempDir(), t.TempDir() // a build must not write beside the state
	hang, began := filepath.Join(signals, "hang"), filepath.Join(signals, "began")
	write(t, hang, "")
	config := filepath.Join(dir, "daemon.toml")
	build := fmt.Sprintf("mkdir dist; cp page dist/index.html; cp same.css dist; if test -e %s; then (setsid sh -c "+
		"\"trap '' TERM; while test -d dist; do date >dist/stray.html; done\" &) & touch %s; sleep 60; fi", hang, began)
	write(t, config, fmt.Sprintf("state = \"state\"\npoll = \"0\"\n[[site]]\nname = \"victim\"\nremote = %q\ndir = "+
		"\"dist\"\nbuild = %q\n", repo, build))
	v := &victim{t: t, repo: repo, cache: t.TempDir(), p: platformtest.Start(t)}
	d := &daemonProcess{victim: v, config: config}
	d.start()
	d.await("the build", func() bool { _, err := os.Stat(began); return err == nil })
	d.kill()
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.await("the deploy", func() bool { return strings.Contains(d.log.String(), "msg=done") })
	d.stop()
	if got := v.live(); got != "built" || !strings.Contains(d.log.String(), "added=2 ") {
		t.Errorf("live is %q\n%s", got, d.log)
	}
	left, err := os.ReadFile(filepath.Join(dir, "state", "sites", "victim", "state.json"))
	if err != nil || !strings.Contains(string(left), "interrupted") {
		t.Errorf("the state does not record the killed run: %v, %s", err, left)
	}
}
