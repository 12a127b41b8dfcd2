//go:build unix

package filelock

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Acquire locks a file, which it creates if needed. It does not wait: if another process has
// the lock, it returns [ErrHeld]. Close releases the lock, and so does the end of the process.
func Acquire(file string) (io.Closer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return held{f}, nil
}

// Folder locks a folder itself, so that no file is left in it. While another process has the
// lock, it waits. On a file system without locks it locks nothing.
func Folder(ctx context.Context, dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		switch err := lock(f); {
		case err == nil:
			return held{f}, nil
		case !errors.Is(err, ErrHeld):
			return f, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(pollEvery):
		}
	}
}

const pollEvery = 10 * time.Millisecond

func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

type held struct{ *os.File }

// Close unlocks the file explicitly. Closing it is not enough: a child process has a copy of
// the descriptor until it executes its program.
func (h held) Close() error {
	return errors.Join(unix.Flock(int(h.Fd()), unix.LOCK_UN), h.File.Close())
}
