package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// A save of one file among a thousand is shown by what it takes to start one workerd,
// and little more: a switch runs the new version in a process of its own. On a machine
// with nothing else to do that is 100 ms. Here the time is measured against a bare
// start beside it, so that it is the same on a slow or a busy machine.
func TestWatchLatency(t *testing.T) {
	const files, saves, starts = 1000, 10, 5.0
	binary, err := workerd.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv(workerd.EnvPath, binary)
	for i := range files {
		write(t, filepath.Join("public", fmt.Sprintf("d%d", i/50), fmt.Sprintf("f%d.html", i)), strings.Repeat("page ", 200))
	}
	write(t, filepath.Join("public", "index.html"), "first")

	out := &output{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&watchCommand{nameFlags: nameFlags{Name: "tides"}}).Run(ctx, streams{nil, out, out, os.Getenv})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	var url string
	for end := time.Now().Add(hangLimit); url == ""; time.Sleep(5 * time.Millisecond) {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
		if time.Now().After(end) {
			t.Fatalf("it did not start:\n%s", out)
		}
	}
	awaitPage(t, url+"/d3/f150", "page")

	fastest, ratio := time.Hour, 1000.0
	var all []time.Duration
	for i := range saves {
		bare := bareStart(t, binary)
		text := fmt.Sprintf("save %d", i)
		saved := time.Now()
		write(t, filepath.Join("public", "d3", "f150.html"), text)
		awaitPage(t, url+"/d3/f150", text)
		took := time.Since(saved)
		all = append(all, took)
		fastest, ratio = min(fastest, bare), min(ratio, float64(took)/float64(bare))
		time.Sleep(50 * time.Millisecond)
	}
	slices.Sort(all)
	best := all[0]
	t.Logf("a save is shown after %v at best, %v in the median, %.1f × a start of workerd, which takes %v", best, all[len(all)/2], ratio, fastest)
	if ratio > starts && best > 200*time.Millisecond {
		t.Errorf("a save is shown after %.1f × what a start of workerd takes, and never within 200 ms (%v)\n%s", ratio, best, out)
	}
}

// bareStart is how long a workerd takes that runs next to nothing.
func bareStart(t *testing.T, binary string) time.Duration {
	t.Helper()
	began := time.Now()
	p, err := workerd.Start(t.Context(), binary, workerd.Config{
		Capnp: `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "a", worker = (modules = [(name = "m", esModule = embed "m")], compatibilityDate = "2026-10-01"))],
  sockets = [(name = "s", address = "unix:s", http = (), service = "a")]
);
`,
		Files: map[string][]byte{"m": []byte("export default { fetch() {} };")}, Sockets: []string{"s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	p.Stop()
	return took
}

func awaitPage(t *testing.T, url, want string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(hangLimit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil && strings.HasPrefix(string(b), want) {
			return
		}
		last = res.Status + " " + string(b)
	}
	t.Fatalf("%s: %q did not come, last it was %q", url, want, last)
}
