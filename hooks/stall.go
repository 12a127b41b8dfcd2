package hooks

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStalled is the cause of a cancellation for lack of progress.
var errStalled = errors.New("no progress")

// withStallLimit runs do, and cancels it when do has not called alive for the limit. A push
// may take any time while there is progress.
func withStallLimit(ctx context.Context, limit time.Duration, do func(ctx context.Context, alive func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(limit, func() { cancel(errStalled) })
	defer timer.Stop()
	err := do(ctx, func() {
		if ctx.Err() == nil {
			timer.Reset(limit)
		}
	})
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return &stalledError{limit, err}
	}
	return err
}

// stalledError reports a run without progress. It matches the run's own error, above
// all an unknown outcome, but not context.Canceled, which means a person's Ctrl-C.
type stalledError struct {
	limit time.Duration
	err   error
}

func (e *stalledError) Error() string {
	return fmt.Sprintf("there was no progress for %s, so it was cancelled", e.limit)
}

// Is matches the run's own error.
func (e *stalledError) Is(target error) bool {
	return target != context.Canceled && errors.Is(e.err, target) //nolint:errorlint // it compares the target
}
