package worktree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Project says where a project is, and the folder that it publishes.
type Project struct {
	// Dir is the project's own folder, Folder the one that is published.
	Dir, Folder string
	// Top is the folder that the root of a bare repository's commits stands for; "" is Dir.
	Top string
	// Getenv reads the environment.
	Getenv func(string) string
}

// Locate finds the repository that a published folder belongs to: the innermost one that
// strictly contains the folder, else the one rooted there. A folder can be a work tree of its
// own, for example of the branch gh-pages, or a submodule; then the deploy is still a build of
// the repository around it.
//
// A repository that does not track the project does not count: many people keep the dotfiles of
// their home directory in one.
func Locate(ctx context.Context, p Project) (*Repository, error) {
	// The folders of a bare repository exist only in its commits.
	if r, err := Find(p.Dir, p.Getenv); err == nil && r.Top == "" {
		return r, nil
	}
	found, err := p.repositories()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w; run in one, or deploy the folder (source: folder)", p.Dir, ErrNoRepository)
	}
	if len(found) == 1 {
		return found[0], nil // whether it tracks the project shows when the commit is opened
	}
	for _, r := range found {
		// An error counts as a yes, so that the user sees it.
		if tracked, err := r.tracks(ctx, p.Dir); tracked || err != nil {
			return r, nil //nolint:nilerr // opening the commit reports it
		}
	}
	return found[0], nil
}

// repositories lists the repositories around the published folder, the innermost
// first, and last the one that is rooted there.
func (p Project) repositories() ([]*Repository, error) {
	folder, err := filepath.Abs(p.Folder)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	folder = RealPath(folder)
	env, err := readGitEnv(p.Getenv)
	if err != nil {
		return nil, fmt.Errorf("find repository: %w", err)
	}
	var found []*Repository
	if env.dir != "" { // the environment names it, whatever is here
		r, err := Find(p.Dir, p.Getenv)
		if errors.Is(err, ErrNoRepository) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		return append(found, r), nil
	}
	for at := filepath.Dir(folder); at != folder && !env.ceilings[at]; {
		r, err := Find(at, p.Getenv)
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
	r, err := Find(folder, p.Getenv)
	switch {
	case errors.Is(err, ErrNoRepository):
	case err != nil:
		return nil, err
	case r.found == folder:
		found = append(found, r)
	}
	return found, nil
}

// errOutside is returned (wrapped) for a folder that is not in the work tree.
var errOutside = errors.New("outside the repository")

// PathOf returns the published folder relative to the repository's root, with slashes.
func (r *Repository) PathOf(p Project) (string, error) {
	whole, err := filepath.Abs(p.Folder)
	if err != nil {
		return "", fmt.Errorf("find directory %s: %w", p.Folder, err)
	}
	if r.Top == "" {
		top, err := filepath.Abs(cmp.Or(p.Top, p.Dir))
		if err != nil {
			return "", fmt.Errorf("find the repository's root: %w", err)
		}
		rel, err := filepath.Rel(top, whole)
		if err != nil || !filepath.IsLocal(rel) {
			return "", fmt.Errorf("directory %s is %w; give it relative to the repository's root", p.Folder, errOutside)
		}
		return filepath.ToSlash(rel), nil
	}
	top, err := filepath.EvalSymlinks(r.Top)
	if err != nil {
		return "", fmt.Errorf("find the repository's root: %w", err)
	}
	rel, err := filepath.Rel(top, RealPath(whole))
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("directory %s is %w %s; deploy it as a folder (source: folder)", whole, errOutside, top)
	}
	return filepath.ToSlash(rel), nil
}

// ProjectDir returns the project's folder, or the root of the work tree if the project is
// around the repository.
func (r *Repository) ProjectDir(dir string) string {
	whole, err := filepath.Abs(dir)
	if err != nil || r.Top == "" {
		return dir
	}
	if rel, err := filepath.Rel(RealPath(whole), RealPath(r.Top)); err == nil && filepath.IsLocal(rel) {
		return r.Top
	}
	return dir
}

// RealPath resolves symlinks in the part of the path that exists: a folder of a commit need not
// exist on disk.
func RealPath(whole string) string {
	rest := ""
	for at := whole; ; at = filepath.Dir(at) {
		if resolved, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(resolved, rest)
		}
		if filepath.Dir(at) == at {
			return whole
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
