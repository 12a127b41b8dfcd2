package kvsync

import (
	"context"
	"fmt"
)

const releaseFix = "push a newer commit, or give --release"

// checkOrder keeps the live site from going backwards: an older commit is
// refused, and one that a rollback left is held back with its ancestors.
func (e *Engine) checkOrder(ctx context.Context, l *live, src Source, o Origin, opt Options) error {
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

func unknownOrder(commit, than, other string) *GuardError {
	return stop(GuardOrder, "fetch more history (in a workflow: fetch-depth: 0, or set github-token), or give --any-order",
		"this clone does not tell whether commit %.12s is newer than %s, %.12s", commit, than, other)
}
