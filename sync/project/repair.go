package project

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Distrust sets whether the live values are suspect. If they are:
//
//   - an upload writes the served manifest again although the live version has an equal
//     one, whose blob may be missing;
//   - a pointer that cannot be read counts as absent, so that the next activation replaces
//     it. The error of [Workers.Activations] then wraps its [cloud.DecodeError] as well as
//     ErrNotFound. A pointer of a newer release is never replaced.
func (w *Workers) Distrust(live bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.distrust = live
}

// checkActive returns an error for a pointer whose version cannot be used, if a repair
// would replace it.
func (w *Workers) checkActive(at Pointer) error {
	w.mu.Lock()
	repairs := w.distrust
	w.mu.Unlock()
	if !repairs {
		return nil // the caller reads the version, and reports the error
	}
	if _, err := w.describe(at.version(), at.Version); err != nil {
		return fmt.Errorf("read %s: %w", w.pointerKey(), err)
	}
	return nil
}

// replaced returns the pointer on which a repair builds, in place of one that cannot be
// read. It has no activations, and the incarnation of the project's keys.
func (w *Workers) replaced(ctx context.Context, store cloud.Store, damage error) (at Pointer, err error) {
	w.mu.Lock()
	repairs, known := w.distrust, w.mended
	w.mu.Unlock()
	if !repairs {
		return at, damage
	}
	if known == nil {
		if at.Incarnation, err = w.findIncarnation(ctx, store); err != nil {
			return at, err
		}
		w.mu.Lock()
		w.mended, known = &at, &at
		w.mu.Unlock()
	}
	return *known, fmt.Errorf("%w: %w", cloud.ErrNotFound, damage)
}

// findIncarnation returns the greatest incarnation that has keys. If there are no keys at
// all, the pointer may have been the tombstone of a deleted project, so the incarnation is
// a new one: a deleted project and the next one must have no key in common.
func (w *Workers) findIncarnation(ctx context.Context, store cloud.Store) (last manifest.Nonce, err error) {
	first, found, greatest := manifest.ProjectKeys(w.ID, manifest.Nonce{}), false, ""
	for _, prefix := range []string{first.Prefix(), incarnations(first)} {
		err := cloud.EachKey(ctx, store, prefix, func(k cloud.KeyInfo) error {
			found = found || k.Name != w.pointerKey()
			greatest = max(greatest, incarnationOf(first, k.Name))
			return nil
		})
		if err != nil {
			return last, fmt.Errorf("find the keys of project %s: %w", w.ID, err)
		}
	}
	switch {
	case !found:
		return manifest.NewNonce(w.Now()), nil
	case greatest == "":
		return last, nil
	}
	if last, err = manifest.ParseNonce(greatest); err != nil {
		return last, fmt.Errorf("read the incarnation in the keys %s%s/: %w", incarnations(first), greatest, err)
	}
	return last, nil
}
