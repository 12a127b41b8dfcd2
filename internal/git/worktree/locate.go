package worktree

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Project is a project's folder and the folder that it publishes.
type Project struct {
	// Dir is the project's own folder, Folder the one that is published.
	Dir, Folder string
	// Top is the folder to which the root of a bare repository's commits corresponds; "" means
	// Dir.
	Top string
	// Getenv reads the environment.
	Getenv func(string) string
}

// Locate finds the repository that a published folder belongs to: the innermost one that
// strictly contains the folder, else the one whose root the folder is. The published folder can
// be a submodule or a work tree of its own, for example of the branch gh-pages. Then the files
// are still a build of the repository around it.
//
// Locate skips a repository that does not track the project, such as one for the dotfiles of a
// home directory.
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
		return found[0], nil // opening the commit fails if the repository does not track the project
	}
	for _, r := range found {
		// After an error the repository is chosen too, so that opening the commit reports the error.
		if tracked, err := r.tracks(ctx, p.Dir); tracked || err != nil {
			return r, nil //nolint:nilerr // see above
		}
	}
	return found[0], nil
}

// repositories lists the repositories around the published folder, innermost first. Last
// comes the repository whose root the folder is.
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
	if env.dir != "" { // GIT_DIR names the only repository
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

// ProjectDir returns the project's folder dir, or the root of the work tree if the repository
// is inside the project's folder.
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

// RealPath resolves the symlinks of a path. The path, or the end of it, need not exist, because
// a folder of a commit need not exist on disk.
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
