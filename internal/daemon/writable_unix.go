//go:build unix

package daemon

import (
	"os"

	"golang.org/x/sys/unix"
)

// writable returns an error if this process may not read and write a file, or work in a
// folder.
func writable(name string, folder bool) error {
	mode := uint32(unix.R_OK | unix.W_OK)
	if folder {
		mode |= unix.X_OK
	}
	if err := unix.Access(name, mode); err != nil {
		return &os.PathError{Op: "access", Path: name, Err: err}
	}
	return nil
}
