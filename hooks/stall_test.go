package hooks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunThatStandsStillIsEnded(t *testing.T) {
	unknown := errors.New("nobody could tell")
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := watched(t.Context(), time.Minute, func(ctx context.Context, alive func()) error {
			for range 10 { // slow is not still
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
			t.Errorf("it ends with %v", err)
		}
		if err := watched(t.Context(), time.Minute, func(context.Context, func()) error { return nil }); err != nil {
			t.Errorf("a short one: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := watched(ctx, time.Minute, func(ctx context.Context, _ func()) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
			t.Errorf("a person who gives up: %v", err)
		}
	})
}
