package build_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/build"
)

// A confined build cannot change the guarded folder through any path. It can change the
// writable folders inside.
func TestGuardedFolder(t *testing.T) {
	if !build.ScopesSignals() {
		t.Skip("this kernel has no Landlock with scoped signals (Linux 6.12)")
	}
	base, beside := t.TempDir(), t.TempDir()
	for _, dir := range []string{"state/own/sub", "state/other", "next"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"state/kept", "state/other/kept"} {
		if err := os.WriteFile(filepath.Join(base, file), []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"alias": "state", "next/alias": filepath.Join(base, "state")} {
		if err := os.Symlink(to, filepath.Join(base, link)); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(base, "alias")
	out := &output{}
	c := build.Command{Dir: base, Env: append(os.Environ(), "BESIDE="+beside), Output: out, Confined: true, Guarded: state,
		Writable: []string{filepath.Join(state, "own")}}
	c.Line = `may() { (eval "$1") 2>/dev/null && echo "may $1"; }
cannot() { (eval "$1") 2>/dev/null && echo "WRONG: $1"; }
cannot 'echo x > state/kept'
cannot ': > state/other/kept'
cannot 'echo x >> state/other/kept'
cannot 'rm state/other/kept'
cannot 'mv state/other/kept state/own/kept'
cannot 'ln state/other/kept state/own/kept'
cannot 'ln state/other/kept next/kept'
cannot 'touch state/new'
cannot 'mkdir state/other/new'
cannot 'mkfifo state/other/new'
cannot 'ln -s x state/other/new'
cannot 'echo x > alias/kept'
cannot 'echo x > next/alias/kept'
cannot 'echo x > /proc/self/cwd/state/kept'
cannot 'exec 5<state/kept; echo x > /dev/fd/5'
cannot 'mv state moved'
cannot 'mv state/own next/own'
cannot 'touch new'
may 'echo x > state/own/new'
may 'mv state/own/new state/own/sub/new'
may 'mv state/own/sub/new next/new'
may 'ln next/new state/own/linked'
may 'rm next/new state/own/linked'
may 'touch $BESIDE/new'
may 'echo x > /dev/null'
may 'cat state/other/kept'
exit 0`
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.text, "WRONG") || strings.Count(out.text, "may ") != 8 {
		t.Errorf("%s", out.text)
	}
}
