package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// locate finds the repository that a published folder belongs to: the innermost
// one that strictly contains the folder, else the one rooted there. A folder can
// be a work tree of its own, of the branch gh-pages say, or a submodule; what is
// deployed then is still a build of the repository around it.
//
// A repository that tracks nothing under the project's folder does not count:
// many people keep the dotfiles of their home directory in one.
func locate(ctx context.Context, o Options) (*repository, error) {
	// A bare repository has no folder but in its commits.
	if r, err := findRepository(o.WorkDir, o.Getenv); err == nil && r.top == "" {
		return r, nil
	}
	found, err := o.repositories()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w; run in one, or deploy the folder (source: folder)", o.WorkDir, ErrNoRepository)
	}
	if len(found) == 1 {
		return found[0], nil // whoever looks for the project in it finds out
	}
	for _, r := range found {
		if r.tracks(ctx, o) {
			return r, nil
		}
	}
	return found[0], nil
}

// repositories lists the repositories around the published folder, the
// innermost first, and last the one that is rooted there.
func (o Options) repositories() ([]*repository, error) {
	folder, err := filepath.Abs(o.folder())
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	folder = evalExisting(folder)
	env, err := readGitEnv(o.Getenv)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	var found []*repository
	if env.dir != "" { // the environment names it, whatever lies here
		r, err := findRepository(o.WorkDir, o.Getenv)
		if errors.Is(err, ErrNoRepository) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		return append(found, r), nil
	}
	for at := filepath.Dir(folder); at != folder && !env.ceilings[at]; {
		r, err := findRepository(at, o.Getenv)
		if errors.Is(err, ErrNoRepository) {
			break
		}
		if err != nil {
			return nil, err
		}
		found = append(found, r)
		if at = filepath.Dir(r.found); at == r.found || env.ceilings[at] {
			break
		}
	}
	r, err := findRepository(folder, o.Getenv)
	switch {
	case errors.Is(err, ErrNoRepository):
	case err != nil:
		return nil, err
	case r.found == folder:
		found = append(found, r)
	}
	return found, nil
}

// tracks reports whether the commit that is checked out has something of the
// project. What cannot be read is taken for a yes, so that its error is seen.
func (r *repository) tracks(ctx context.Context, o Options) bool {
	if r.top == "" {
		return true
	}
	o.Revision = "" // one that is named may be of another repository
	c, err := r.project(ctx, o)
	if err != nil {
		return !errors.Is(err, errNotCommitted)
	}
	_ = c.Close()
	return true
}
