package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// OpenCheckout returns the commit from which an untracked published folder was built: the one
// that is checked out around it. The source's directory is the project's own folder,
// options.WorkDir. The error wraps [worktree.ErrNoRepository] if no repository tracks the
// project. The caller closes the commit.
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
	if errors.Is(err, ErrNotCommitted) {
		return nil, fmt.Errorf("%s: %w that tracks it", options.WorkDir, worktree.ErrNoRepository)
	}
	return c, err
}

// Head describes a checkout whose objects only an absent git command could read.
type Head struct {
	// ID is the commit's id in hexadecimal, or "".
	ID string
	// Remotes is as [Commit.Remotes] returns it.
	Remotes []string
}

// ReadHead returns which commit is checked out, without reading objects. It is for a repository
// for which [OpenCheckout] returns [worktree.ErrUnreadable].
func ReadHead(ctx context.Context, options Options) (Head, error) {
	repo, err := worktree.Locate(ctx, options.withDefaults().project())
	if err != nil {
		return Head{}, err
	}
	return Head{ID: repo.HeadID(), Remotes: repo.Remotes()}, nil
}
