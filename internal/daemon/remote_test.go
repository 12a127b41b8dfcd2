package daemon_test

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// forge serves an origin over http. Its mode decides what it answers.
func forge(t *testing.T, o *origin, mode *atomic.Value) *httptest.Server {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(o.bare), "GIT_HTTP_EXPORT_ALL=1"}, InheritEnv: []string{"PATH"},
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, port, _ := strings.Cut(q.Host, ":")
		if list := argumentsWith("ghp_token" + port); len(list) > 0 {
			t.Errorf("the user is in the arguments of %q", list)
		}
		switch mode.Load() {
		case "up":
			backend.ServeHTTP(w, q)
		case "password":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
		case "hang":
			<-q.Context().Done()
		case "elsewhere":
			http.Redirect(w, q, "ftp://127.0.0.1/x", http.StatusFound)
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
}

// A site can follow a remote over http. If the remote is down, asks for a password, hangs or
// redirects, the site waits and is deployed later.
func TestHTTPRemote(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	var mode atomic.Value
	mode.Store("up")
	server := forge(t, o, &mode)
	defer server.Close()
	login := "://ghp_token" + server.URL[strings.LastIndex(server.URL, ":")+1:] + "@" // unique among the tests
	// Only the fetch that hangs has a short timeout.
	const long, short = "fetch-timeout = \"1h\"\n", "fetch-timeout = \"1s\"\n"
	remote := strings.Replace(server.URL, "://", login, 1) + "/site.git"
	r := newTestDaemon(t, noPoll+long+"[[site]]\nname = \"blog\"\nremote = \""+remote+"\"\n")
	asked := filepath.Join(t.TempDir(), "asked")
	askpass := filepath.Join(t.TempDir(), "askpass")
	if err := os.WriteFile(askpass, []byte("#!/bin/sh\ntouch "+asked+"\necho x\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.env = append(r.env, "GIT_ASKPASS="+askpass, "SSH_ASKPASS="+askpass, "GIT_DIR=/nowhere", "GIT_WORK_TREE=/nowhere",
		"GIT_INDEX_FILE=/nowhere")
	r.start()
	r.awaitLive(one)
	for _, how := range []struct{ mode, problem string }{{"down", "502"}, {"password", "could not read Password"},
		{"hang", "took too long"}, {"elsewhere", ""}} {
		mode.Store(how.mode)
		if how.mode == "hang" {
			r.stop()
			r.conf = strings.Replace(r.conf, long, short, 1)
			r.start()
		}
		r.poll("push")
		s := r.await("blog", how.mode, func(s daemon.Status) bool {
			return s.Phase == daemon.PhaseRetry && strings.Contains(s.Problem, how.problem)
		})
		if s.Live != one || strings.Contains(s.Problem, "ghp_token") {
			t.Errorf("%+v", s)
		}
		next := o.push(nil)
		if how.mode == "hang" {
			r.stop()
			r.conf = strings.Replace(r.conf, short, long, 1)
			r.start()
		}
		mode.Store("up")
		r.poll("push")
		r.awaitLive(next)
		one = next
	}
	if strings.Contains(r.log.String(), "ghp_token") {
		t.Error("the log shows the user")
	}
	_ = filepath.WalkDir(r.state, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.Contains(readFile(t, path), "ghp_token") {
			t.Errorf("%s shows the user", path)
		}
		return nil
	})
	if _, err := os.Stat(asked); err == nil {
		t.Error("git prompted for a password")
	}
	mode.Store("hang")
	r.poll("push")
	r.awaitPhase(daemon.PhaseFetch)
	r.stopsAtOnce()
}

// argumentsWith lists the processes in /proc whose arguments contain a text.
func argumentsWith(text string) (out []string) {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range list {
		if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte(text)) {
			out = append(out, string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// Git's own reason is in the log and on the page, complete and without secrets. ssh's message
// comes first, and a server's advice may follow.
func TestReasonOfSSH(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		"ssh: connect to host git.invalid port 22: Connection refused",
		"ssh: Could not resolve hostname git.invalid: Name or service not known",
		"Host key verification failed.",
		"git@git.invalid: Permission denied (publickey).",
	} {
		ssh := filepath.Join(t.TempDir(), "ssh")
		text := "#!/bin/sh\necho 's3cret-password' >&2\necho '" + reason + "' >&2\nexit 255\n"
		if err := os.WriteFile(ssh, []byte(text), 0o755); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
		r := newTestDaemon(t, noPoll+"[listen]\nadmin = \"127.0.0.1:0\"\n[admin]\nuser = \"ada\"\npassword-env = "+
			"\"PW\"\n[[site]]\nname = \"blog\"\nremote = \"git@git.invalid:me/blog.git\"\n")
		r.env = append(r.env, "GIT_SSH_COMMAND="+ssh, "PW=s3cret-password")
		r.start()
		s := r.awaitPhase(daemon.PhaseRetry)
		r.stop()
		for place, text := range map[string]string{"page": s.Problem, "log": r.log.String()} {
			if !strings.Contains(text, reason) || !strings.Contains(text, "Could not read from remote repository") ||
				strings.Contains(text, "s3cret") {
				t.Errorf("%s: the %s has %s", reason, place, text)
			}
		}
	}
}
