//go:build unix

package hooks_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// A hook that is a link to a pipe is not read: nobody may ever write to it.
func TestHookThatIsALinkToAPipe(t *testing.T) {
	w := newWorld(t)
	pipe, hook := filepath.Join(t.TempDir(), "pipe"), filepath.Join(w.work, ".git", "hooks", "pre-push")
	if err := syscall.Mkfifo(pipe, 0o700); err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Dir(hook))
	if err := os.Symlink(pipe, hook); err != nil {
		t.Fatal(err)
	}
	if s := w.install(hooks.Options{}); s.Chained == "" {
		t.Errorf("the status is %+v", s)
	}
}
