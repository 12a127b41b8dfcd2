package app

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
)

// inside returns the boundary of a run. shared is the folder with the shared settings of a
// project, or "".
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

// workTree returns the root of the work tree around a folder. It returns the folder itself if
// the work tree tracks nothing in it, like the one of a home directory, and if the folder is a
// bare repository.
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
