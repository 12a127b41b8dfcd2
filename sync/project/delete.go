package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Delete implements [cloud.Workers]. The pointer becomes a tombstone with an incarnation
// for the next project of this id. So that project has no key and no Durable Object in
// common with this one. If the project is deleted already, Delete does nothing. It leaves
// all other keys: see [Workers.Leftovers].
func (w *Workers) Delete(ctx context.Context) error {
	now, err := w.current(ctx)
	gone := errors.Is(err, cloud.ErrNotFound)
	if err != nil && !gone {
		return fmt.Errorf("%w: %w", cloud.ErrUnsent, err)
	}
	if !now.Deleted.IsZero() {
		w.remember(now)
		return nil
	}
	store, err := w.store(ctx)
	if err != nil {
		return err
	}
	at := w.Now().UTC().Truncate(time.Millisecond)
	next := Pointer{Format: IncarnatedFormat, Incarnation: nextIncarnation(now.Incarnation, at), Deleted: at}
	value, err := manifest.EncodeJSON(next)
	if err != nil {
		return fmt.Errorf("encode %s: %w", w.pointerKey(), err)
	}
	if err := store.Put(ctx, w.pointerKey(), value); err != nil {
		return fmt.Errorf("delete project %s: %w", w.ID, err)
	}
	w.remember(next)
	return nil
}

// DeleteKey deletes one key.
func (w *Workers) DeleteKey(ctx context.Context, key string) error {
	store, err := w.store(ctx)
	if err != nil {
		return err
	}
	left, err := cloud.DeleteConfirmed(ctx, store, []string{key}, 2*time.Second)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("delete %s: %w", key, cloud.ErrIgnored)
	}
	return err
}

func (w *Workers) remember(at Pointer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = at
}

// nextIncarnation returns an incarnation that sorts after the last one, even if the clock
// is wrong: a Durable Object erases itself if there is a greater incarnation than its own.
func nextIncarnation(last manifest.Nonce, now time.Time) manifest.Nonce {
	if earliest := last.Time().Add(time.Second); now.Before(earliest) {
		now = earliest
	}
	return manifest.NewNonce(now)
}

// Leftovers lists the keys that Delete would leave. After Delete, it lists the keys of the
// deleted projects of this id, without those of a new project of the same id that is
// being deployed.
func (w *Workers) Leftovers(ctx context.Context, store cloud.Store) ([]string, error) {
	w.mu.Lock()
	last := w.last
	w.mu.Unlock()
	var keys []string
	first := manifest.ProjectKeys(w.ID, manifest.Nonce{})
	for _, prefix := range []string{first.Prefix(), incarnations(first)} {
		err := cloud.EachKey(ctx, store, prefix, func(k cloud.KeyInfo) error {
			next := !last.Deleted.IsZero() && incarnationOf(first, k.Name) >= last.Incarnation.String()
			if k.Name != w.pointerKey() && !next {
				keys = append(keys, k.Name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// incarnations returns the prefix of the keys of all incarnations but the first.
func incarnations(first manifest.Keys) string { return string(first) + "@" }

// incarnationOf returns the incarnation in a key, "" for the first.
func incarnationOf(first manifest.Keys, key string) string {
	rest, ok := strings.CutPrefix(key, incarnations(first))
	if !ok {
		return ""
	}
	incarnation, _, _ := strings.Cut(rest, "/")
	return incarnation
}
