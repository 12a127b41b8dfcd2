package hooks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunWithoutProgressIsCancelled(t *testing.T) {
	unknown := errors.New("unknown outcome")
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := withStallLimit(t.Context(), time.Minute, func(ctx context.Context, alive func()) error {
			for range 10 { // slow progress is progress
				time.Sleep(50 * time.Second)
				alive()
			}
			<-ctx.Done()
			return fmt.Errorf("%w: %w", unknown, ctx.Err())
		})
		if took := time.Since(began); took != 560*time.Second {
			t.Errorf("it took %s", took)
		}
		if !errors.Is(err, unknown) || errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
		if err := withStallLimit(t.Context(), time.Minute, func(context.Context, func()) error { return nil }); err != nil {
			t.Errorf("a short run: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := withStallLimit(ctx, time.Minute,
			func(ctx context.Context, _ func()) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancellation: %v", err)
		}
	})
}
