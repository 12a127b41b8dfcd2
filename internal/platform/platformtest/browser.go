package platformtest

import (
	"bytes"
	"context"
	_ "embed" // the pinned packages
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

//go:embed browser/package.json
var browserPackage []byte

//go:embed browser/package-lock.json
var browserLock []byte

//go:embed browser/chromium.sh
var findChromium []byte

// Browser is a Chromium, and what drives it.
type Browser struct {
	// Packages holds node_modules with playwright-core; nobody may write to it.
	Packages string
	// Chromium is the program's path.
	Chromium string
}

// InstallBrowser finds Chromium and installs what drives it, unless they are
// there. It needs npm and, where there is no Chromium, to be root on Debian.
func InstallBrowser(ctx context.Context) (*Browser, error) {
	packages, err := InstallPackages(ctx, browserPackage, browserLock)
	if err != nil {
		return nil, fmt.Errorf("install playwright-core: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	find := exec.CommandContext(ctx, "bash", "-s")
	find.Stdin = bytes.NewReader(findChromium)
	found, err := find.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("find Chromium: %w: %s", err, bytes.TrimSpace(exit.Stderr))
	} else if err != nil {
		return nil, fmt.Errorf("find Chromium: %w", err)
	}
	return &Browser{Packages: packages, Chromium: strings.TrimSpace(string(found))}, nil
}
