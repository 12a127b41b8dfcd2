package kvsync

import (
	"context"
	"fmt"
)

const releaseFix = "push a newer commit, or give --release"

// checkOrder keeps the live site from going backwards: an older commit is
// refused, and one that a rollback left is held back with its ancestors, and so
// is a newer one that would bring the very same back.
func (e *Engine) checkOrder(ctx context.Context, l *live, src Source, o Origin, worker string, opt Options) error {
	if o.Commit == "" {
		return nil
	}
	if hold := l.note().hold; hold != "" && !opt.Release {
		rel, err := src.Compare(ctx, hold, o.Commit)
		if err != nil {
			return fmt.Errorf("compare commit %.12s with the one held back, %.12s: %w", o.Commit, hold, err)
		}
		switch rel {
		case RelationSame:
			return stop(GuardHeld, releaseFix, "commit %.12s is held back: the site was rolled back from it", o.Commit)
		case RelationOlder:
			return stop(GuardHeld, releaseFix, "commit %.12s is held back: the site was rolled back from the newer %.12s", o.Commit, hold)
		case RelationUnknown:
			if !opt.AnyOrder {
				return unknownOrder(o.Commit, "the one held back by a rollback", hold)
			}
		}
		if same, err := e.asHeld(ctx, l, hold, o.ID, worker); err != nil {
			return err
		} else if same {
			return stop(GuardHeld, "push a commit that changes it, or give --release",
				"commit %.12s is held back: it deploys the same as %.12s, which the site was rolled back from", o.Commit, hold)
		}
	}
	if l.meta == nil || l.meta.Commit == "" || opt.AnyOrder {
		return nil
	}
	rel, err := src.Compare(ctx, l.meta.Commit, o.Commit)
	if err != nil {
		return fmt.Errorf("compare commit %.12s with the live one, %.12s: %w", o.Commit, l.meta.Commit, err)
	}
	switch rel {
	case RelationOlder:
		return stop(GuardOlder, "deploy a newer commit, use rollback, or give --any-order",
			"commit %.12s is older than the live one, %.12s", o.Commit, l.meta.Commit)
	case RelationUnknown:
		return unknownOrder(o.Commit, "the live one", l.meta.Commit)
	}
	return nil
}

// asHeld reports whether a source and a Worker are those of the deployment that
// a rollback left: in a repository of many projects most commits concern others.
// It costs requests only after a rollback.
func (e *Engine) asHeld(ctx context.Context, l *live, hold, source, worker string) (bool, error) {
	for _, a := range l.activations[1:min(len(l.activations), 1+e.Retain)] {
		m, err := e.metaOfVersion(ctx, a.main())
		if err != nil {
			return false, err
		}
		if m != nil && m.Commit == hold {
			return m.Source == source && m.Worker == worker, nil
		}
	}
	return false, nil
}

func unknownOrder(commit, than, other string) *GuardError {
	return stop(GuardOrder, "fetch more history (in a workflow: fetch-depth: 0, or set github-token), or give --any-order",
		"this clone does not tell whether commit %.12s is newer than %s, %.12s", commit, than, other)
}
