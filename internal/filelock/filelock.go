// Package filelock provides a lock file, which keeps two processes from working in the
// same folder at the same time.
//
//	lock, err := filelock.Acquire(filepath.Join(dir, "lock"))
//	defer lock.Close()
package filelock

import "errors"

// ErrHeld is returned (wrapped) by [Acquire] if another process has the lock.
var ErrHeld = errors.New("another process has the lock")
