//go:build linux || darwin

package pull

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The files that root creates in a folder belong to the owner of the folder. For another user
// nothing changes.
func TestAsOwner(t *testing.T) {
	dir := t.TempDir()
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 1001, 1002
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the owner needs access
			t.Fatal(err)
		}
	}
	failed := errors.New("failed")
	before := [2]int{os.Geteuid(), os.Getegid()}
	err := AsOwner(dir, func() error {
		write(t, filepath.Join(dir, "a", "b"), "x")
		return failed
	})
	if !errors.Is(err, failed) || [2]int{os.Geteuid(), os.Getegid()} != before {
		t.Errorf("AsOwner returned %v, and the process is %d:%d", err, os.Geteuid(), os.Getegid())
	}
	for _, name := range []string{"a", "a/b"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != uid || int(st.Gid) != gid {
			t.Errorf("%s belongs to %d:%d, want %d:%d", name, st.Uid, st.Gid, uid, gid)
		}
	}
	if err := AsOwner(filepath.Join(dir, "none"), func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("missing folder: %v", err)
	}
}
