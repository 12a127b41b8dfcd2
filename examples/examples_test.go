// Package examples has the demos. Its tests run the demos.
package examples

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// The scripts check their own results.
func TestScripts(t *testing.T) {
	for _, script := range []string{"demo.sh", "dynamic-workers/start.sh"} {
		t.Run(script, func(t *testing.T) { runScript(t, script, nil) })
	}
}

// The test downloads the compiler and the crates before it runs the script, because a download can
// take longer than the script's time limit.
func TestRustWasm(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // a download that hangs
	defer cancel()
	fetch := exec.CommandContext(ctx, "../../rust/bin/cargo", "fetch", "--locked", "--target", "wasm32-unknown-unknown")
	fetch.Dir = "rust-wasm"
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("cargo fetch: %v\n%s", err, out)
	}
	runScript(t, "rust-wasm/start.sh", nil)
}

// kvSync builds the command kv-sync once and returns its folder.
var kvSync = sync.OnceValues(func() (string, error) {
	bin, err := os.MkdirTemp("", "kv-sync-examples-")
	if err != nil {
		return "", err
	}
	// As make build, but without -trimpath: then the tests and the command share compiled packages.
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin, "../cmd/kv-sync")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return bin, fmt.Errorf("build: %w: %s", err, out)
	}
	return bin, nil
})

// The size in docs/benchmarks.md may differ by 2 MB, because releases of Go differ.
func TestBinarySize(t *testing.T) {
	bin, err := kvSync()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(bin, "kv-sync"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`Installed before a deploy: .*; kv-sync (\d+) MB\.`).FindSubmatch(text)
	if said == nil {
		t.Fatal("docs/benchmarks.md has no size of the command")
	}
	documented, err := strconv.ParseFloat(string(said[1]), 64)
	if size := float64(info.Size()) / 1e6; err != nil || math.Abs(size-documented) > 2 {
		t.Errorf("the command has %.1f MB, and docs/benchmarks.md says %s MB", size, said[1])
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, _ := kvSync(); bin != "" {
		_ = os.RemoveAll(bin)
	}
	os.Exit(code)
}

// runScript runs a script to its end, with additional variables.
func runScript(t *testing.T, script string, args []string, env ...string) {
	t.Helper()
	bin, err := kvSync()
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := workerd.Find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // a script that hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{script}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the script then ends its own processes
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "CI=true", "KV_SYNC_BIN="+bin, "XDG_CACHE_HOME="+t.TempDir(),
		workerd.EnvPath+"="+runtime)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
