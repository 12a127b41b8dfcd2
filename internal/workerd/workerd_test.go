package workerd

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// registry starts a registry with one tarball. It returns the registry's URL and the release of
// the tarball.
func registry(t *testing.T, binary string) (url string, rel release) {
	t.Helper()
	var tarball bytes.Buffer
	gz := gzip.NewWriter(&tarball)
	archive := tar.NewWriter(gz)
	for name, content := range map[string]string{"package/package.json": "{}", "package/bin/workerd": binary} {
		err := archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
		if _, writeErr := io.WriteString(archive, content); err != nil || writeErr != nil {
			t.Fatal(err, writeErr)
		}
	}
	archive.Close()
	gz.Close()
	sum := sha512.Sum512(tarball.Bytes())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/@cloudflare/workerd-linux-64/-/workerd-linux-64-1.2.3.tgz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(tarball.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL, release{"linux-64", "1.2.3", "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
}

func TestConcurrentFind(t *testing.T) {
	url, rel := registry(t, "the program")
	cache := t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			path, err := rel.find(t.Context(), cache, url+"/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != "the program" {
				t.Errorf("%q, %v", content, err)
			}
		})
	}
	group.Wait()
	if files, _ := filepath.Glob(cache + "/*"); len(files) != 1 {
		t.Errorf("files in the cache: %q", files)
	}
	if _, err := rel.find(t.Context(), cache, "http://127.0.0.1:1", nil); err != nil {
		t.Errorf("find without a registry, with a cached binary: %v", err)
	}
}

func TestFetchErrors(t *testing.T) {
	url, rel := registry(t, "the program")
	rel.integrity = "sha512-AAAA"
	cache := t.TempDir()
	if _, err := rel.find(t.Context(), cache, url, nil); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong checksum: %v", err)
	}
	rel.version = "0"
	if _, err := rel.find(t.Context(), cache, url, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("missing package: %v", err)
	}
	if _, err := rel.find(t.Context(), cache, "http://127.0.0.1:1", nil); err == nil ||
		!strings.Contains(err.Error(), EnvPath) {
		t.Errorf("offline, the error must name %s: %v", EnvPath, err)
	}
	if files, _ := filepath.Glob(cache + "/*"); len(files) != 0 {
		t.Errorf("files in the cache: %q", files)
	}
}

const hello = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "main.mjs", esModule = embed "main.mjs")],
    compatibilityDate = "2026-10-01"))],
  sockets = [(name = "main", address = "unix:main", http = (), service = "main")]);`

func run(t *testing.T, source string) (*Process, error) {
	t.Helper()
	path, err := Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return Start(t.Context(), path, Config{Capnp: hello, Files: map[string][]byte{"main.mjs": []byte(source)},
		Sockets: []string{"main"}})
}

func get(t *testing.T, p *Process) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return p.Dial(ctx, "main")
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestStartAndStop(t *testing.T) {
	p, err := run(t, `export default { fetch() { return new Response("hello") } }`)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, p); got != "hello" {
		t.Errorf("got %q", got)
	}
	p.Stop()
	p.Stop()
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the process still exists: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	var refused *ConfigError
	if _, err := run(t, `throw new Error("at the start")`); !errors.As(err, &refused) ||
		!strings.Contains(refused.Output, "at the start") {
		t.Errorf("Worker that throws an exception: %v", err)
	}
	if _, err := Start(t.Context(), "/does/not/exist", Config{}); err == nil {
		t.Error("no error for a missing binary")
	}
	if _, err := Start(t.Context(), "/bin/true", Config{Files: map[string][]byte{"../x": nil}}); err == nil {
		t.Error("no error for a file name outside of the folder")
	}
}

// TestProcessEndsWithParent runs the test binary again as the parent of a workerd process, kills
// the parent, and checks that workerd ends too.
func TestProcessEndsWithParent(t *testing.T) {
	if os.Getenv("KV_SYNC_TEST_PARENT") != "" {
		p, err := run(t, `export default { fetch() { return new Response("hello") } }`)
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("dir " + p.dir + "\n")
		time.Sleep(time.Hour) // until the test kills this process
		return
	}
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessEndsWithParent$")
	parent.Env = append(os.Environ(), "KV_SYNC_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, _ := out.Read(buf)
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	dir, ok := strings.CutPrefix(line, "dir ")
	if !ok {
		t.Fatalf("the parent printed %q", buf[:n])
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "main")
	if conn, err := net.Dial("unix", socket); err != nil {
		t.Fatalf("connect to workerd: %v", err)
	} else {
		conn.Close()
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it returns an error, because the process was killed
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("workerd still runs after its parent was killed")
		}
	}
}

func TestQuote(t *testing.T) {
	if got := Quote("a\"\\\n\x00é"); got != `"a\"\\\x0a\x00é"` {
		t.Errorf("got %s", got)
	}
}
