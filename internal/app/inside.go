package app

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// inside is the boundary of a run: the same for the command, the Action, hooks and
// the daemon. shared is the folder above a project's.
func (in Inputs) inside(ctx context.Context, shared string) (*boundary.Boundary, error) {
	base := cmp.Or(shared, in.Root)
	top := in.Boundary
	if top == "" {
		var err error
		if top, err = in.workTree(ctx, base); err != nil {
			return nil, err
		}
	}
	b, err := boundary.New(top)
	if err != nil {
		return nil, err
	}
	return b, errors.Join(b.Hide(worktree.GitDirs(top, in.Getenv)...), b.Hide(worktree.GitDirs(base, in.Getenv)...))
}

// workTree is the top of the work tree that a folder is in, or the folder. A work
// tree that tracks nothing in the folder does not count, because a home directory
// may be one, and neither does one around a bare repository.
func (in Inputs) workTree(ctx context.Context, base string) (string, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	if tree := in.Getenv("GIT_WORK_TREE"); tree != "" && within(absolute(tree), base) {
		return tree, nil
	}
	top, err := boundary.Find(base)
	if err != nil {
		return "", err
	}
	switch {
	case samePath(top, base):
		return top, nil
	case worktree.Bare(base, in.Getenv), in.Commit == "" && !worktree.Tracks(ctx, base):
		return base, nil
	}
	return top, nil
}

func samePath(a, b string) bool {
	resolved, err := filepath.EvalSymlinks(b)
	return a == b || err == nil && a == resolved
}
