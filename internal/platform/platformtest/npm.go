package platformtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// installing serialises installations in this process. Other processes may install at the
// same time, because the result is renamed into place.
var installing sync.Mutex

// InstallPackages installs the packages of a package.json and package-lock.json into the
// user's cache folder, unless they are installed. It returns the folder that contains
// node_modules. Callers must not change it. InstallPackages needs npm.
func InstallPackages(ctx context.Context, manifest, lock []byte) (dir string, err error) {
	installing.Lock()
	defer installing.Unlock()
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(append([]byte(nil), manifest...), lock...))
	dir = filepath.Join(cache, "kv-sync", "npm-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err != nil {
		if err := installPackages(ctx, dir, manifest, lock); err != nil {
			return "", fmt.Errorf("%w; the first run needs npm and the network", err)
		}
	}
	return dir, nil
}

// installPackages creates dir atomically.
func installPackages(ctx context.Context, dir string, manifest, lock []byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "npm-tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover in a cache folder is harmless
	for name, content := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
		if err := os.WriteFile(filepath.Join(tmp, name), content, 0o644); err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return nil // another process was faster
		}
		return err
	}
	return nil
}
