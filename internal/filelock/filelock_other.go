//go:build !unix

package filelock

import (
	"io"
	"os"
)

// Acquire opens the lock's file; where the system has no flock nothing keeps two
// processes apart.
func Acquire(file string) (io.Closer, error) {
	return os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
}
