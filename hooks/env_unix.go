//go:build unix

package hooks

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// private reports whether a file is this user's, or root's, and nobody else's.
func private(info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return errors.New("can be read or changed by others than its owner; chmod 600 it")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("belongs to another user; give it to the one that git runs as")
	}
	return nil
}
