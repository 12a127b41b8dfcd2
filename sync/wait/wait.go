// Package wait waits for a duration or for the end of a context, whichever
// comes first. Every retry, poll and back-off of kv-sync uses it, so that a
// cancelled run does not keep sleeping.
package wait

import (
	"context"
	"time"
)

// For returns nil after d, or the context's error as soon as ctx ends. It
// returns at once if d is not positive, with the error of a context that has
// ended already.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
