// Package filelock keeps two processes from working in one folder.
package filelock

import "errors"

// ErrHeld is returned (wrapped) by [Acquire] where another process has the lock.
var ErrHeld = errors.New("another process has the lock")
