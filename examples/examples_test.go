// Package examples holds what a newcomer is shown. Its tests run that as it
// stands, so that it stays true.
package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Each script checks by itself that what it shows is so.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../cmd/kv-sync")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	runtime, err := workerd.Find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"demo.sh", "dynamic-workers/start.sh"} {
		t.Run(filepath.ToSlash(script), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", script)
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it has started
			cmd.WaitDelay = 10 * time.Second
			cmd.Env = append(os.Environ(), "CI=true", "KV_SYNC_BIN="+bin, "XDG_CACHE_HOME="+t.TempDir(), workerd.EnvPath+"="+runtime)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
