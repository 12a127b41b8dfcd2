//go:build !unix

package filelock

import (
	"io"
	"os"
)

// Acquire opens the file. It locks nothing, because this system has no flock.
func Acquire(file string) (io.Closer, error) {
	return os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
}
