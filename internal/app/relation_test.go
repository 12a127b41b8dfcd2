package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// If a clone has two commits without their parents, their relation is unknown, and not "diverged":
// one may be an ancestor of the other.
func TestCutHistoryIsNotDiverged(t *testing.T) {
	dir, ids := shallow(t, 4)
	c := clone.New(dir, "")
	if _, err := c.Line(t.Context(), "fetch", "-q", "--depth=1", "origin", ids[1]); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{ids[3], ids[1]}, {ids[1], ids[3]}} {
		if rel := c.Relation(t.Context(), pair[0], pair[1]); rel != manifest.RelationUnknown {
			t.Errorf("%.7s and %.7s are %v", pair[0], pair[1], rel)
		}
	}
	if rel, err := orderedIn(t, dir, nil).Compare(t.Context(), ids[3], ids[1]); err != nil ||
		rel != manifest.RelationOlder {
		t.Errorf("with more history they are %v, %v", rel, err)
	}
}

// cancelling is a log handler that cancels the run at its first record.
type cancelling struct {
	slog.Handler
	cancel func()
}

func (c cancelling) Enabled(context.Context, slog.Level) bool { return true }

func (c cancelling) Handle(context.Context, slog.Record) error {
	c.cancel()
	return nil
}

// A cancellation during the fetch of history is an error, and not an unknown relation.
func TestCancelledFetchOfHistoryIsAnError(t *testing.T) {
	dir, ids := shallow(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	o := orderedIn(t, dir, nil)
	rel, err := o.clone.Deepen(ctx, slog.New(cancelling{slog.DiscardHandler, cancel}), ids[0], ids[2])
	if !errors.Is(err, context.Canceled) || rel != manifest.RelationUnknown {
		t.Errorf("got %v, %v", rel, err)
	}
}
