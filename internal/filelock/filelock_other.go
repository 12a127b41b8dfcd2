//go:build !unix

package filelock

import (
	"context"
	"io"
	"os"
)

// Acquire opens the file. It locks nothing, because this system has no flock.
func Acquire(file string) (io.Closer, error) {
	return os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
}

// Folder opens the folder. It locks nothing, because this system has no flock.
func Folder(_ context.Context, dir string) (io.Closer, error) { return os.Open(dir) }
