package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// Tracks reports whether the repository that holds dir tracks it. It ignores the environment.
// If the index is damaged, it reports true.
func Tracks(ctx context.Context, dir string) bool {
	r, err := Find(dir, func(string) string { return "" })
	if err != nil || r.Top == "" {
		return false
	}
	tracked, err := r.tracks(ctx, dir)
	return tracked || err != nil && !errors.Is(err, errOutside) && !errors.Is(err, ErrUnreadable)
}

// tracks reports whether a repository tracks a project: the index has a file of the
// project's folder, or the commit that is checked out has the folder (a clone without a
// checkout has no index). No other function decides this. The boundary of readable files and
// the origin of a deployment depend on it.
func (r *Repository) tracks(ctx context.Context, dir string) (bool, error) {
	p := Project{Dir: dir, Folder: r.ProjectDir(dir)}
	if r.Top != "" {
		_, entries, err := r.indexBelow(p)
		if err != nil || len(entries) > 0 {
			return len(entries) > 0, err
		}
	}
	path, err := r.PathOf(p)
	if err != nil {
		return false, err
	}
	reader, err := r.Open()
	if err != nil {
		return false, err
	}
	defer reader.Close() //nolint:errcheck // only read
	id, err := reader.Resolve(ctx, "HEAD")
	if errors.Is(err, objects.ErrNoRevision) {
		return false, nil // the branch has no commit yet
	} else if err != nil {
		return false, err
	}
	commit, err := reader.Commit(ctx, id)
	if err != nil {
		return false, err
	}
	tree, _, err := reader.Subtree(ctx, commit.Tree, path, nil)
	return tree != "", err
}

// indexBelow returns the published folder's path in the repository and its index entries. Both
// are empty for a folder outside of the repository.
func (r *Repository) indexBelow(p Project) (dir string, entries []indexEntry, err error) {
	if dir, err = r.PathOf(p); err != nil {
		return "", nil, nil //nolint:nilerr // outside of the repository
	}
	prefix := ""
	if dir != "." {
		prefix = dir + "/"
	}
	all, err := readIndex(r.index, r.IDBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil, nil // no file was ever added
	}
	for _, e := range all {
		if e.below(prefix) {
			entries = append(entries, e)
		}
	}
	return dir, entries, err
}

// indexOf returns the published folder's repository, its path there and its index entries. The
// last two are empty if the folder is in no work tree.
func indexOf(ctx context.Context, p Project) (r *Repository, dir string, entries []indexEntry, err error) {
	if r, err = Locate(ctx, p); err != nil || r.Top == "" {
		return r, "", nil, nil //nolint:nilerr // a folder that is in no repository is no error
	}
	dir, entries, err = r.indexBelow(p)
	return r, dir, entries, err
}

// InIndex reports whether the index has a file of the published folder.
func InIndex(ctx context.Context, p Project) (bool, error) {
	_, _, entries, err := indexOf(ctx, p)
	return len(entries) > 0, err
}

// CheckSparse refuses a published folder if a sparse checkout leaves out some of its files,
// because the site would go live without them.
func CheckSparse(ctx context.Context, p Project) error {
	if r, err := Locate(ctx, p); err != nil || !r.sparse {
		return nil //nolint:nilerr // a folder that is in no repository is no error
	}
	r, dir, entries, err := indexOf(ctx, p)
	for _, e := range entries {
		if !e.skipped {
			continue
		}
		_, statErr := os.Lstat(filepath.Join(r.Top, filepath.FromSlash(e.name)))
		if e.kind() == objects.ModeDir || errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s is not the whole site: the sparse checkout leaves out %s; "+
				"deploy the commit (source: commit), or check the folder out (git sparse-checkout disable)",
				dir, e.name)
		}
	}
	return err
}
