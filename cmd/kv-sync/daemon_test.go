package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// daemonProcess is the daemon in a process of its own.
type daemonProcess struct {
	*victim
	config string
	cmd    *exec.Cmd
	log    *output
	ended  chan error
}

func (d *daemonProcess) start() {
	d.t.Helper()
	d.cmd = exec.Command("kv-sync", "daemon", "--config", d.config)
	d.cmd.Env = append(append(os.Environ(), "KV_SYNC_FAMILY="+d.config), account(d.p)...)
	d.log = &output{}
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.ended = make(chan error, 1)
	go func() { d.ended <- d.cmd.Wait() }()
	cmd := d.cmd
	d.t.Cleanup(func() { _ = cmd.Process.Kill() })
}

func (d *daemonProcess) await(what string, is func() bool) {
	d.t.Helper()
	if !eventually(is) {
		d.t.Fatalf("waited for %s\n%s", what, d.log)
	}
}

// stop ends the daemon with SIGTERM.
func (d *daemonProcess) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			d.t.Fatalf("the daemon ended with %v\n%s", err, d.log)
		}
	case <-time.After(hangLimit):
		d.t.Fatalf("the daemon does not end\n%s", d.log)
	}
}

// activations counts the activations of the site.
func (d *daemonProcess) activations() int {
	d.t.Helper()
	account, err := cloudflare.New(cloudflare.Options{Token: d.p.Token, AccountID: d.p.AccountID, BaseURL: d.p.BaseURL})
	if err != nil {
		d.t.Fatal(err)
	}
	list, err := account.Workers("victim").Activations(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return len(list)
}

// TestDaemonKilledAtEveryRequest kills the daemon with SIGKILL at each request of a deploy,
// before and after the request is carried out. The next daemon makes the last commit live, and
// no commit becomes live twice.
func TestDaemonKilledAtEveryRequest(t *testing.T) {
	repo := t.TempDir()
	git(t, repo, "init", "--quiet", "--initial-branch", "main", ".")
	write(t, filepath.Join(repo, "public", "same.css"), "same")
	for _, page := range []string{"old", "new"} {
		write(t, filepath.Join(repo, "public", "index.html"), page)
		git(t, repo, "add", "-A")
		git(t, repo, "commit", "--quiet", "-m", page)
	}
	state := t.TempDir()
	config := filepath.Join(t.TempDir(), "daemon.toml")
	write(t, config, fmt.Sprintf("state = %q\npoll = \"0\"\n[[site]]\nname = \"victim\"\nremote = %q\n", state, repo))
	old := strings.TrimSpace(git(t, repo, "rev-parse", "HEAD~1"))
	for _, after := range []bool{false, true} {
		for k := int64(1); ; k++ {
			v := &victim{t: t, repo: repo, cache: t.TempDir(), p: platformtest.Start(t)}
			v.mustRun("deploy", "--commit", old)
			d := &daemonProcess{victim: v, config: config}
			if err := os.RemoveAll(state); err != nil {
				t.Fatal(err)
			}
			reached := make(chan struct{}, 1)
			v.p.Server.ResetRequests()
			v.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
				switch {
				case r.Seq < k:
					return platform.Fault{}
				case r.Seq == k:
					defer func() { reached <- struct{}{} }()
					if after {
						return platform.Fault{Kind: platform.FaultLoseReply}
					}
				}
				return platform.Fault{Kind: platform.FaultHang}
			})
			d.start()
			dead := false
			d.await("a request, or the end", func() bool {
				select {
				case <-reached:
					dead = true
				default:
				}
				return dead || strings.Contains(d.log.String(), "msg=done")
			})
			if !dead { // there are fewer requests
				d.stop()
				if k < 4 {
					t.Fatalf("only %d requests", k-1)
				}
				break
			}
			if after {
				d.await("the request to be carried out", func() bool { return len(v.p.Server.Requests()) >= int(k) })
			}
			if err := d.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := <-d.ended; err == nil {
				t.Fatal("the daemon was not killed")
			}
			v.p.Server.SetFault(nil)
			where := fmt.Sprintf("killed at request %d, carried out %v", k, after)
			if got := v.live(); got != "old" && got != "new" {
				t.Fatalf("%s: live is %q", where, got)
			}
			d.start()
			d.await("the deploy to be finished", func() bool { return strings.Contains(d.log.String(), "msg=done") })
			d.stop()
			if got := v.live(); got != "new" {
				t.Fatalf("%s: after a new start live is %q\n%s", where, got, d.log)
			}
			if n := d.activations(); n != 2 {
				t.Fatalf("%s: %d activations of two commits", where, n)
			}
		}
	}
}

// TestDaemonListens checks that each listener answers only its own paths, that a second daemon
// is refused, and that SIGTERM ends the daemon.
func TestDaemonListens(t *testing.T) {
	repo := t.TempDir()
	git(t, repo, "init", "--quiet", "--initial-branch", "main", ".")
	write(t, filepath.Join(repo, "public", "index.html"), "x")
	git(t, repo, "add", "-A")
	git(t, repo, "commit", "--quiet", "-m", "x")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "correct horse battery staple\n")
	config := filepath.Join(dir, "daemon.toml")
	write(t, config, fmt.Sprintf("poll = \"0\"\n[listen]\nwebhooks = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nmetrics "+
		"= \"127.0.0.1:0\"\n"+
		"[admin]\nuser = \"admin\"\npassword-file = \"password\"\n[webhook.github]\nsecret-file = \"password\"\n"+
		"[[site]]\nname = \"victim\"\nremote = %q\nwebhook-secret-file = \"password\"\n", repo))
	d := &daemonProcess{victim: &victim{t: t, repo: repo, p: platformtest.Start(t)}, config: config}
	// The daemon notifies systemd, and keeps its state in the folder that systemd names.
	socket := filepath.Join(dir, "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("STATE_DIRECTORY", filepath.Join(dir, "state"))
	d.start()
	d.await("the deploy", func() bool { return strings.Contains(d.log.String(), "msg=done") })
	b := make([]byte, 100)
	if n, err := told.Read(b); err != nil || string(b[:n]) != "READY=1" {
		t.Errorf("the message to systemd is %q, %v", b[:n], err)
	}
	at := map[string]string{}
	for line := range strings.Lines(d.log.String()) {
		if _, rest, ok := strings.Cut(line, "msg=listening for="); ok {
			name, address, _ := strings.Cut(rest, " address=")
			at[strings.Trim(name, `"`)] = strings.TrimSpace(address)
		}
	}
	for path, own := range map[string]string{"/healthz": "metrics", "/metrics": "metrics", "/login": "the admin page",
		"/github": "webhooks", "/gitea/victim": "webhooks"} {
		for name, address := range at {
			res, err := http.Get("http://" + address + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if found := res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusSeeOther; found != (name == own) {
				t.Errorf("%s at %s: %s", path, name, res.Status)
			}
		}
	}
	if len(at) != 3 {
		t.Errorf("listening at %v", at)
	}
	second := exec.Command("kv-sync", "daemon", "--config", config)
	second.Env = append(os.Environ(), "CLOUDFLARE_API_TOKEN=x")
	if out, err := second.CombinedOutput(); second.ProcessState.ExitCode() != 2 ||
		!strings.Contains(string(out), "another kv-sync daemon uses it") {
		t.Errorf("%v: %s", err, out)
	}
	d.stop()
	if n, err := told.Read(b); err != nil || string(b[:n]) != "STOPPING=1" {
		t.Errorf("the message to systemd is %q, %v", b[:n], err)
	}
	for _, secret := range []string{d.p.Token, "correct horse"} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
	check := exec.Command("kv-sync", "daemon", "--check", "--config", config)
	check.Env = append(os.Environ(), "CLOUDFLARE_API_TOKEN=x")
	if out, err := check.CombinedOutput(); err != nil || string(out) != "victim: branch HEAD of "+repo+"\n" {
		t.Errorf("%v: %s", err, out)
	}
	write(t, config, "poll = \"0\"\nnonsense = 1\n")
	check = exec.Command("kv-sync", "daemon", "--check", "--config", config)
	if out, _ := check.CombinedOutput(); check.ProcessState.ExitCode() != 2 ||
		!strings.Contains(string(out), config+":2: nonsense is not understood") {
		t.Errorf("%s", out)
	}
}
