package source

import (
	"context"
	"errors"
	"io/fs"
)

// Tracks reports whether the repository that holds dir tracks it. The environment
// does not count. A repository whose index is damaged is assumed to.
func Tracks(dir string) bool {
	r, err := findRepository(dir, func(string) string { return "" })
	if err != nil || r.top == "" {
		return false
	}
	tracked, err := r.tracks(context.Background(), dir)
	return tracked || err != nil && !errors.Is(err, errOutside) && !errors.Is(err, ErrUnreadable)
}

// tracks decides whether a repository tracks a project: the index has a file of
// the project's folder, or the commit that is checked out has the folder (a clone
// without a checkout has no index). It is the one place that decides this, for the
// boundary of what is read and for the origin of a deployment.
func (r *repository) tracks(ctx context.Context, dir string) (bool, error) {
	p := project{dir: dir, folder: r.projectDir(dir)}
	if r.top != "" {
		_, entries, err := r.indexBelow(p)
		if err != nil || len(entries) > 0 {
			return len(entries) > 0, err
		}
	}
	path, err := r.pathOf(p)
	if err != nil {
		return false, err
	}
	objects, err := r.open()
	if err != nil {
		return false, err
	}
	defer objects.close() //nolint:errcheck // only read
	id, err := objects.resolve(ctx, "HEAD")
	if errors.Is(err, errNoRevision) {
		return false, nil // the branch has no commit yet
	} else if err != nil {
		return false, err
	}
	commit, err := objects.commit(ctx, id)
	if err != nil {
		return false, err
	}
	tree, _, err := objects.folder(ctx, commit.tree, path)
	return tree != "", err
}

// indexBelow returns what the index has of the published folder, and the folder's
// path in the repository.
func (r *repository) indexBelow(p project) (dir string, entries []indexEntry, err error) {
	if dir, err = r.pathOf(p); err != nil {
		return "", nil, nil //nolint:nilerr // outside of the repository
	}
	prefix := ""
	if dir != "." {
		prefix = dir + "/"
	}
	all, err := readIndex(r.index, r.idBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil, nil // nothing was ever added
	}
	for _, e := range all {
		if e.below(prefix) {
			entries = append(entries, e)
		}
	}
	return dir, entries, err
}

// indexOf returns what the index has of the published folder. Without a
// repository, or outside of it, that is nothing.
func indexOf(ctx context.Context, p project) (r *repository, dir string, entries []indexEntry, err error) {
	if r, err = locate(ctx, p); err != nil || r.top == "" {
		return r, "", nil, nil //nolint:nilerr // then it is a folder and nothing more
	}
	dir, entries, err = r.indexBelow(p)
	return r, dir, entries, err
}

// inIndex reports whether the index has a file of the published folder.
func inIndex(ctx context.Context, p project) (bool, error) {
	_, _, entries, err := indexOf(ctx, p)
	return len(entries) > 0, err
}
