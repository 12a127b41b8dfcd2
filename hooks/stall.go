package hooks

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStalled is the cause by which a run ends that stood still.
var errStalled = errors.New("it stood still")

// watched runs do and ends it when it gave no sign of life for the limit: a push
// may take as long as there is something to send, but never for ever.
func watched(ctx context.Context, limit time.Duration, do func(ctx context.Context, alive func()) error) error {
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

// stalledError says that a run was ended. It is not the cancellation that ended
// it, which would be the person's, but whatever else the run's own error is: that
// the outcome is not known, above all.
type stalledError struct {
	limit time.Duration
	err   error
}

func (e *stalledError) Error() string {
	return fmt.Sprintf("nothing moved for %s, so it was given up", e.limit)
}

// Is reports what the run's own error is.
func (e *stalledError) Is(target error) bool {
	return target != context.Canceled && errors.Is(e.err, target) //nolint:errorlint // it is the target that is asked for
}
