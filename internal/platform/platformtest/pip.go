package platformtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/filelock"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// InstallPython installs the packages of a requirements.txt, which pins every package, into a
// virtual environment in the user's cache folder, unless they are installed. It returns the
// folder with the programs of the environment. Callers must not change it. InstallPython needs
// python3 with venv.
func InstallPython(ctx context.Context, requirements []byte) (bin string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(requirements)
	dir := filepath.Join(cache, "kv-sync", "pip-"+hex.EncodeToString(sum[:6]))
	bin = filepath.Join(dir, "bin")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	lock, err := waitForLock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer lock.Close() //nolint:errcheck // the end of the process releases it, too
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return bin, nil
	}
	list := dir + ".txt"
	if err := os.WriteFile(list, requirements, 0o644); err != nil {
		return "", err
	}
	for _, line := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(bin, "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", list},
	} {
		if out, err := exec.CommandContext(ctx, line[0], line[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w; the first run needs python3 with venv and the network\n%s", line, err, out)
		}
	}
	return bin, os.WriteFile(done, nil, 0o644)
}

// waitForLock waits while another process has the lock.
func waitForLock(ctx context.Context, path string) (io.Closer, error) {
	for {
		lock, err := filelock.Acquire(path)
		if !errors.Is(err, filelock.ErrHeld) {
			return lock, err
		}
		if err := wait.For(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
