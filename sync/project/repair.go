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
func (p *Workers) Distrust(live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.distrust = live
}

// checkActive returns an error for a pointer whose version cannot be used, if a repair
// would replace it.
func (p *Workers) checkActive(at Pointer) error {
	p.mu.Lock()
	repairs := p.distrust
	p.mu.Unlock()
	if !repairs {
		return nil // the caller reads the version, and reports the error
	}
	if _, err := p.describe(at.version(), at.Version); err != nil {
		return fmt.Errorf("read %s: %w", p.pointerKey(), err)
	}
	return nil
}

// replaced returns the pointer on which a repair builds, in place of one that cannot be
// read. It has no activations, and the incarnation of the project's keys.
func (p *Workers) replaced(ctx context.Context, store cloud.Store, damage error) (at Pointer, err error) {
	p.mu.Lock()
	repairs, known := p.distrust, p.mended
	p.mu.Unlock()
	if !repairs {
		return at, damage
	}
	if known == nil {
		if at.Incarnation, err = p.findIncarnation(ctx, store); err != nil {
			return at, err
		}
		p.mu.Lock()
		p.mended, known = &at, &at
		p.mu.Unlock()
	}
	return *known, fmt.Errorf("%w: %w", cloud.ErrNotFound, damage)
}

// findIncarnation returns the greatest incarnation that has keys. If there are no keys at
// all, the pointer may have been the tombstone of a deleted project, so the incarnation is
// a new one: a deleted project and the next one must have no key in common.
func (p *Workers) findIncarnation(ctx context.Context, store cloud.Store) (last manifest.Nonce, err error) {
	first, found, greatest := manifest.ProjectKeys(p.ID, manifest.Nonce{}), false, ""
	for _, prefix := range []string{first.Prefix(), incarnations(first)} {
		err := cloud.EachKey(ctx, store, prefix, func(k cloud.KeyInfo) error {
			found = found || k.Name != p.pointerKey()
			greatest = max(greatest, incarnationOf(first, k.Name))
			return nil
		})
		if err != nil {
			return last, fmt.Errorf("find the keys of project %s: %w", p.ID, err)
		}
	}
	switch {
	case !found:
		return manifest.NewNonce(p.Now()), nil
	case greatest == "":
		return last, nil
	}
	if last, err = manifest.ParseNonce(greatest); err != nil {
		return last, fmt.Errorf("read the incarnation in the keys %s%s/: %w", incarnations(first), greatest, err)
	}
	return last, nil
}
