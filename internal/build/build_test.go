//go:build unix

package build_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/build"
)

// hangLimit ends a test that hangs. No result depends on it.
const hangLimit = 2 * time.Minute

// roles are functions that this executable runs instead of the tests: each one if the environment
// variable of its name is set. The variable's value is a process number.
var roles = map[string]func(pid int){}

// TestMain runs the tests. If certain variables are set, it runs a build or a role instead.
func TestMain(m *testing.M) {
	if line := os.Getenv("BUILD_AS_CHILD"); line != "" {
		err := build.Command{Line: line, Env: os.Environ(), Output: os.Stdout,
			Confined: os.Getenv("BUILD_CONFINED") != ""}.Run(context.Background())
		fmt.Println("ended:", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	for variable, role := range roles {
		if pid, err := strconv.Atoi(os.Getenv(variable)); err == nil {
			role(pid)
			os.Exit(0)
		}
	}
	if os.Getenv("IDLE") != "" {
		fmt.Println("idle")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	c := build.Command{Line: `echo "one $X"; echo two >&2; echo three >made`, Dir: dir, Env: []string{"X=1"}, Output: &out}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "made")); err != nil || string(b) != "three\n" ||
		out.String() != "one 1\ntwo\n" {
		t.Errorf("made %q, %v; printed %q", b, err, out.String())
	}
}

func TestRunFails(t *testing.T) {
	var failed *build.Error
	err := build.Command{Line: "exit 3", Dir: t.TempDir()}.Run(t.Context())
	if !errors.As(err, &failed) || failed.Code != 3 || !strings.Contains(err.Error(), `"exit 3"`) {
		t.Errorf("%v", err)
	}
	err = build.Command{Line: "true", Dir: filepath.Join(t.TempDir(), "nowhere")}.Run(t.Context())
	if !errors.As(err, &failed) || failed.Code != -1 {
		t.Errorf("%v", err)
	}
}

// output is a build's output. After the first line it closes firstLine.
type output struct {
	mu        sync.Mutex
	text      string
	firstLine chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text += string(p)
	if strings.Count(o.text, "\n") == 1 && o.firstLine != nil {
		close(o.firstLine)
		o.firstLine = nil
	}
	return len(p), nil
}

// runOutput runs a build and returns its output.
func runOutput(t *testing.T, c build.Command) string {
	t.Helper()
	out := &output{}
	c.Env, c.Output = os.Environ(), out
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.text
}

// runCancelled cancels a build after its first line of output.
func runCancelled(t *testing.T, c build.Command) (text string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	firstLine := make(chan struct{})
	out := &output{firstLine: firstLine}
	go func() { <-firstLine; cancel() }()
	c.Output = out
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	return out.text
}

// All processes of a build end with it: after success, a timeout, a cancellation, and
// when the process that runs it is killed.
func TestProcessesEndWithTheBuild(t *testing.T) {
	// This starts a child, and a grandchild that ignores SIGTERM. Both sleep longer than
	// the test waits.
	const children = `(trap '' TERM; sleep 600) & echo $!; `
	child := func(t *testing.T, text string) int {
		t.Helper()
		pid, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Run("done", func(t *testing.T) {
		out := &output{}
		if err := (build.Command{Line: children, Output: out}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		awaitExit(t, child(t, out.text))
	})
	t.Run("timeout", func(t *testing.T) {
		out := &output{}
		// The timeout grows until the child is started before it.
		for limit := 200 * time.Millisecond; out.text == ""; limit *= 2 {
			err := build.Command{Line: children + "sleep 600", Output: out, Timeout: limit}.Run(t.Context())
			var failed *build.Error
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), limit.String()) {
				t.Fatal(err)
			}
		}
		awaitExit(t, child(t, out.text))
	})
	t.Run("cancelled", func(t *testing.T) {
		awaitExit(t, child(t, runCancelled(t, build.Command{Line: children + "sleep 600"})))
	})
	t.Run("killed", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pid")
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		runner := exec.Command(self)
		runner.Env = append(os.Environ(), "BUILD_AS_CHILD="+`(trap '' TERM; sleep 600) & echo $! >`+file+`; sleep 600`)
		if err := runner.Start(); err != nil {
			t.Fatal(err)
		}
		var text []byte
		for end := time.Now().Add(hangLimit); len(text) == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			text, _ = os.ReadFile(file)
		}
		if err := runner.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = runner.Wait()
		awaitExit(t, child(t, string(text)))
	})
}

// awaitExit waits until a process has ended.
func awaitExit(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(hangLimit); ; time.Sleep(5 * time.Millisecond) {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) || zombie(pid) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is still running", pid)
		}
	}
}

// zombie reports whether a process has ended but no parent has waited for it. In a
// container without an init process it stays like that.
func zombie(pid int) bool {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z")
}

func TestEnvironment(t *testing.T) {
	const token, github = "cf-0123456789", "ghs_0123456789"
	kept := []string{
		"PATH=/usr/bin", "HOME=/home/ada", "CARGO_HOME=/c", "RUSTFLAGS=-Dwarnings", "CI=true", "LANG=C.UTF-8", "PWD=/x",
		"GITHUB_SHA=abc", "GITHUB_ACTIONS=true", "SSH_AUTH_SOCK=/tmp/agent", "KEYBOARD=de", "MONKEY=1", "PATTERN=x", "EMPTY=",
		"URL=https://example.org/a:b@c", "AUTHOR=Ada", "PASSAGE=x", "LINES=a\nb",
	}
	removed := []string{
		"CLOUDFLARE_API_TOKEN=" + token, "CLOUDFLARE_ACCOUNT_ID=1", "cloudflare_email=a", "CF_API_KEY=k", "CF_EMAIL=e",
		"GITHUB_TOKEN=" + github, "GH_TOKEN=x",
		"ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "ACTIONS_RUNTIME_URL=https://x", "INPUT_API-TOKEN=x", "NPM_TOKEN=x",
		"NODE_AUTH_TOKEN=x", "npm_config__auth=x",
		"CARGO_REGISTRY_TOKEN=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_ACCESS_KEY_ID=x", "STRIPE_KEY=x", "MYSECRETS=x",
		"DB_PASSWORD=x", "PGPASSWORD=x",
		"SIGNING_PASSPHRASE=x", "GOOGLE_APPLICATION_CREDENTIALS=/x", "GH_PAT=x", "GITHUB_ENV=/x", "GITHUB_PATH=/x",
		"GITHUB_OUTPUT=/x", "FTP_PASS=x",
		"INNOCENT=Bearer " + token, "OTHER=" + github, "DATABASE_URL=postgres://ada:hunter2@db/x",
	}
	got := build.Environment(slices.Concat(removed, kept), []string{token, "", github})
	if !slices.Equal(got, kept) {
		t.Errorf("got %q\nwant %q", got, kept)
	}
}
