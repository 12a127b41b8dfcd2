package platformtest

import (
	"context"
	_ "embed" // the pinned packages
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed wrangler/package.json
var wranglerPackage []byte

//go:embed wrangler/package-lock.json
var wranglerLock []byte

// Wrangler is an installed wrangler, and a node that can run it.
type Wrangler struct {
	node, script string
	compiled     string // the folder of node's compile cache
}

// InstallWrangler installs wrangler and node from npm into the user's cache folder,
// pinned by a lock file, unless they are installed. It needs npm.
func InstallWrangler(ctx context.Context) (*Wrangler, error) {
	dir, err := InstallPackages(ctx, wranglerPackage, wranglerLock)
	if err != nil {
		return nil, fmt.Errorf("install wrangler: %w", err)
	}
	w := &Wrangler{script: filepath.Join(dir, "node_modules", "wrangler", "bin", "wrangler.js"),
		compiled: filepath.Join(filepath.Dir(dir), "node-compile-cache")}
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	w.node = filepath.Join(dir, "node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node")
	if _, err := os.Stat(w.node); err != nil {
		// npm has no node for this machine. Use the one on PATH. Wrangler reports an error
		// if it is too old.
		if w.node, err = exec.LookPath("node"); err != nil {
			return nil, fmt.Errorf("install wrangler: %w; install node 22.12 or newer", err)
		}
	}
	return w, nil
}

// Path returns the variable PATH of this process, with the node that runs wrangler in front: wrangler
// runs the tools of frameworks.
func (w *Wrangler) Path() string {
	return "PATH=" + filepath.Dir(w.node) + string(os.PathListSeparator) + os.Getenv("PATH")
}

// Command returns a command that runs wrangler in a folder as a client of a platform.
func (w *Wrangler) Command(ctx context.Context, api API, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.node, append([]string{w.script}, args...)...)
	cmd.Dir = dir
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.HasPrefix(name, "CLOUDFLARE_") && !strings.HasPrefix(name, "CF_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, w.Path(),
		"CLOUDFLARE_API_BASE_URL="+api.BaseURL, "CLOUDFLARE_API_TOKEN="+api.Token,
		"CLOUDFLARE_ACCOUNT_ID="+api.AccountID, "NODE_COMPILE_CACHE="+w.compiled,
		"WRANGLER_SEND_METRICS=false", "WRANGLER_LOG_PATH="+filepath.Join(dir, ".wrangler", "logs"), "CI=1", "NO_COLOR=1")
	return cmd
}

// Run runs wrangler as a client of the fixture and returns its output.
func (f *Fixture) Run(ctx context.Context, w *Wrangler, dir string, args ...string) (string, error) {
	out, err := w.Command(ctx, f.API, dir, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("wrangler %s: %w: %s\n%s", strings.Join(args, " "), err, exit.Stderr, out)
	}
	return string(out), err
}

// Package returns the folder of wrangler's package, which a script of node can import.
func (w *Wrangler) Package() string { return filepath.Dir(filepath.Dir(w.script)) }

// Node returns a command that runs node in a folder, without the variables of an account.
func (w *Wrangler) Node(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := w.Command(ctx, API{}, dir)
	cmd.Args = append([]string{w.node}, args...)
	return cmd
}
