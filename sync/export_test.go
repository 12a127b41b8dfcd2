package kvsync

import "time"

// SetPatience shortens how long a switch may take after a cancellation, and
// returns what undoes it.
func SetPatience(d time.Duration) (undo func()) {
	before := patience
	patience = d
	return func() { patience = before }
}
