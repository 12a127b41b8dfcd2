// Package filelock keeps two processes from working in one folder.
//
//	lock, err := filelock.Acquire(filepath.Join(dir, "lock"))
//	defer lock.Close()
package filelock

import "errors"

// ErrHeld is returned (wrapped) by [Acquire] if another process has the lock.
var ErrHeld = errors.New("another process has the lock")
