//go:build !unix

package filelock

import (
	"io"
	"os"
)

// Acquire opens the lock's file. This system has no flock, so two processes are not kept apart.
func Acquire(file string) (io.Closer, error) {
	return os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
}
