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

// Browser is Chromium and the packages that control it.
type Browser struct {
	// Packages is the folder of node_modules with playwright-core. It is read-only.
	Packages string
	// Chromium is the path of the program.
	Chromium string
}

// InstallBrowser finds or installs Chromium, and installs playwright-core. It needs npm;
// to install Chromium it needs root on Debian.
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
