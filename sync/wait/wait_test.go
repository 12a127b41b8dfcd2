package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/wait"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := wait.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("returned %v after %s", err, time.Since(began))
		}
	})
}

func TestForReturnsWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := wait.For(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("returned %v after %s", err, time.Since(began))
		}
	})
}

func TestForNoTime(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range []time.Duration{0, -time.Hour} {
		if err := wait.For(t.Context(), d); err != nil {
			t.Errorf("%s: %v", d, err)
		}
		if err := wait.For(ended, d); !errors.Is(err, context.Canceled) {
			t.Errorf("%s in a context that ended: %v", d, err)
		}
	}
}
