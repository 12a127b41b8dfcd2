package cloud

import (
	"context"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// DeleteConfirmed deletes up to [MaxBulkPairs] keys. Keys that a successful reply reports
// as not deleted are sent again, [ResendRounds] times. The wait before that begins with
// first and doubles. left has the keys that are not deleted, also with an error.
func DeleteConfirmed(ctx context.Context, s Store, keys []string, first time.Duration) (left []string, err error) {
	left = keys
	for round := 0; len(left) > 0 && round <= ResendRounds; round++ {
		if round > 0 {
			if err := wait.For(ctx, first<<(round-1)); err != nil {
				return left, err
			}
		}
		unconfirmed, err := s.DeleteBulk(ctx, left)
		if err != nil {
			return left, err
		}
		again := make(map[string]bool, len(unconfirmed))
		for _, k := range unconfirmed {
			again[k] = true
		}
		// Only keys of the first request are sent again, whatever the answer names.
		left = slices.DeleteFunc(slices.Clone(left), func(k string) bool { return !again[k] })
	}
	return left, nil
}
