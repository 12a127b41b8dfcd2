package kvsync

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
)

// notDeleting is a KV that accepts a bulk delete and does nothing. It reports keys as not deleted
// that it was not asked to delete.
type notDeleting struct {
	memoryKV
	others []string
	sent   map[string]bool
}

func (n notDeleting) Store(string) cloud.Store { return n }

func (n notDeleting) DeleteBulk(_ context.Context, names []string) ([]string, error) {
	for _, name := range names {
		n.sent[name] = true
	}
	return append(n.others, names...), nil
}

// Promises 4 and 9: whatever keys the answer to a delete names, prune only ever sends keys that it
// found without a root, and it ends.
func TestPruneSendsItsOwnKeysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kv := deployedTimes(t, 7)
		others := notDeleting{kv, []string{"project/shop2/b/theirs", "project/shop/current"}, map[string]bool{}}
		pruned, err := shopLater(t, others, 100*time.Hour).Prune(t.Context(), layout.PruneOptions{})
		if err == nil || pruned.Deleted != 0 || len(others.sent) == 0 {
			t.Fatalf("%+v, %v, sent %v", pruned, err, others.sent)
		}
		for _, name := range others.others {
			if others.sent[name] {
				t.Errorf("%s was to be deleted", name)
			}
		}
		for _, name := range pruned.Keys {
			if delete(others.sent, name); kv[name] == nil {
				t.Errorf("%s is gone", name)
			}
		}
		if len(others.sent) > 0 {
			t.Errorf("beside its keys it sent %v", others.sent)
		}
	})
}
