//go:build unix

package hooks_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// Ctrl-C of a client on the same machine reaches the hooks of the server. It ends the former
// hook, as without kv-sync, and the deploy follows.
func TestInterruptedFormerHookOfAServer(t *testing.T) {
	// Children of a process that ignores a signal, as under nohup, ignore it, too; so it is handled.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGINT, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(filepath.Dir(w.work), "remote.git")
			write(t, filepath.Join(dir, "hooks", "post-receive"),
				"#!/bin/sh\necho before\nkill -$SIGNAL 0\necho after\n", 0o755)
			w.server(hooks.Options{})
			head := w.git(w.work, "rev-parse", "HEAD")
			for _, signal := range []string{"INT", "HUP"} {
				cmd := exec.Command(shell[0], append(slices.Clone(shell[1:]), "hooks/post-receive")...)
				cmd.Dir, cmd.Env = dir, slices.Concat(w.env, []string{"GIT_DIR=.", "SIGNAL=" + signal})
				cmd.Stdin = strings.NewReader(strings.Repeat("0", 40) + " " + head + " refs/heads/main\n")
				cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "before\n") ||
					strings.Contains(string(out), "after") {
					t.Errorf("SIG%s: %v, %q", signal, err, out)
				}
				if got := w.traced(); !strings.Contains(got, "deploy refs/heads/main") {
					t.Errorf("SIG%s: traced %q", signal, got)
				}
			}
		})
	}
}
