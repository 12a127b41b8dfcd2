// Package browsertest provides what tests in Chromium need. A test script imports
// harness.mjs, which opens pages, saves screenshots and makes the checks that apply to
// every page.
package browsertest

import (
	"bytes"
	"context"
	_ "embed" // the pinned packages
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

//go:embed package.json
var manifest []byte

//go:embed package-lock.json
var lock []byte

//go:embed chromium.sh
var findChromium []byte

// Environ returns the environment variables that harness.mjs reads. It installs
// playwright-core with npm if it is missing, and Chromium if it is missing and this
// process is root on Debian. Screenshots are saved in the repository's folder artefacts.
func Environ(t *testing.T) []string {
	t.Helper()
	packages, err := platformtest.InstallPackages(t.Context(), manifest, lock)
	if err != nil {
		t.Fatalf("install playwright-core: %v", err)
	}
	chromium, err := installChromium(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the path of the source is unknown")
	}
	return []string{
		"PACKAGES=" + packages, "CHROMIUM=" + chromium, "HOME=" + t.TempDir(),
		"SCREENSHOTS=" + filepath.Join(filepath.Dir(here), "../../artefacts"),
	}
}

func installChromium(ctx context.Context) (program string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	find := exec.CommandContext(ctx, "bash", "-s")
	find.Stdin = bytes.NewReader(findChromium)
	found, err := find.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("find Chromium: %w: %s", err, bytes.TrimSpace(exit.Stderr))
	} else if err != nil {
		return "", fmt.Errorf("find Chromium: %w", err)
	}
	return strings.TrimSpace(string(found)), nil
}
