package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// OpenCheckout returns the commit that is checked out where a published folder is:
// what the folder was built from, if it is not tracked itself. It is opened at the
// project's own folder, options.WorkDir. [ErrNoRepository] is returned (wrapped)
// where there is no repository, or none that tracks the project. Close ends it.
func OpenCheckout(ctx context.Context, options Options) (*Commit, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	repo, err := worktree.Locate(ctx, options.project())
	if err != nil {
		return nil, err
	}
	at := options
	at.WorkDir, at.Dir, at.Patterns, at.HTMLHandling = repo.ProjectDir(options.WorkDir), "", nil, ""
	c, err := openIn(ctx, repo, at)
	if errors.Is(err, errNotCommitted) {
		return nil, fmt.Errorf("%s: %w that tracks it", options.WorkDir, worktree.ErrNoRepository)
	}
	return c, err
}

// Head is what is known of a checkout whose objects cannot be read here.
type Head struct {
	// ID is the commit's id in hexadecimal, or "".
	ID string
	// Remotes is as [Commit.Remotes] returns it.
	Remotes []string
}

// ReadHead returns which commit is checked out, and reads no object. It is for a
// repository for which [OpenCheckout] returns [ErrUnreadable].
func ReadHead(ctx context.Context, options Options) (Head, error) {
	repo, err := worktree.Locate(ctx, options.withDefaults().project())
	if err != nil {
		return Head{}, err
	}
	return Head{ID: repo.HeadID(), Remotes: repo.Remotes()}, nil
}
