//go:build unix

package filelock

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Acquire locks a file, which it creates if needed. It does not wait: if another process has
// the lock, it returns [ErrHeld]. Close releases the lock, and so does the end of the process.
func Acquire(file string) (io.Closer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrHeld
		}
		return nil, err
	}
	return held{f}, nil
}

type held struct{ *os.File }

// Close unlocks the file explicitly. Closing it is not enough: a child process has a copy of
// the descriptor until it executes its program.
func (h held) Close() error {
	return errors.Join(unix.Flock(int(h.Fd()), unix.LOCK_UN), h.File.Close())
}
