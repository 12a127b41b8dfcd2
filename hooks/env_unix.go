//go:build unix

package hooks

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// private returns an error unless the file belongs to this user or root, and nobody
// else can access it.
func private(info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return errors.New("is accessible to other users; run chmod 600 on it")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("belongs to another user; change its owner to the user that git runs as")
	}
	return nil
}
