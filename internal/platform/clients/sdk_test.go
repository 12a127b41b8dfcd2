package clients_test

import (
	"context"
	_ "embed"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

//go:embed testdata/requirements.txt
var requirements []byte

// Responses have the form that Cloudflare documents. The Python SDK is generated from Cloudflare's
// API description and checks responses in strict mode. The iterators of the SDK terminate.
func TestPythonSDK(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	bin, err := platformtest.InstallPython(ctx, requirements)
	if err != nil {
		t.Fatal(err)
	}
	f := platformtest.Start(t, withStartCheck, withOneAccount)
	// The warnings are about deprecated methods of the SDK, which are tested, too.
	python := exec.CommandContext(ctx, filepath.Join(bin, "python3"), "-W", "ignore", "testdata/sdk.py", f.BaseURL,
		f.Token, f.AccountID)
	python.Stderr = t.Output()
	out, err := python.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	passed := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ok\t") {
			passed++
			continue
		}
		t.Error(strings.TrimSpace(line))
	}
	t.Logf("%d calls", passed)
}
