package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// hangLimit ends a test that hangs. The result of a working test does not depend on it.
const hangLimit = 2 * time.Minute

// eventually repeats a check until it succeeds. It returns false after hangLimit.
func eventually(yes func() bool) bool {
	for end := time.Now().Add(hangLimit); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// account is the environment that reaches a platform.
func account(p *platformtest.Fixture) []string {
	return []string{"CLOUDFLARE_API_TOKEN=" + p.Token, "CLOUDFLARE_ACCOUNT_ID=" + p.AccountID,
		"CLOUDFLARE_API_BASE_URL=" + p.BaseURL}
}

// answer is the answer to a request for a page.
type answer struct {
	status string // such as "200 OK"
	header http.Header
	body   string
}

func get(url string) (answer, error) {
	res, err := http.Get(url)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.Status, res.Header, string(b)}, err
}

// output is the output of a process, which can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	as := []string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org"}
	cmd := exec.CommandContext(t.Context(), "git", append(as, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}
