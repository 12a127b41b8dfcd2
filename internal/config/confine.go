package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// checkRoot refuses a project's folder that is outside of the boundary.
func checkRoot(inside *boundary.Boundary, root string) error {
	if err := inside.Check(root); isOutside(err) && !ownGit(err) {
		return fmt.Errorf("the project's folder %s may not be used: %w", root, err)
	}
	return nil
}

// confine refuses a path that is outside of the boundary, also through a symlink. A path that
// a flag names may be outside.
func (l *loader) confine(abs string, from origin, key string) bool {
	if from.explicit() {
		if err := l.boundary.Allow(abs); err != nil {
			l.refuse(from, key+" cannot be found: "+withoutPath(err), "correct it")
			return false
		}
	}
	err := l.boundary.Check(abs)
	if err == nil || ownGit(err) && l.ofCommit(abs) {
		return true
	}
	fix := "name a path inside"
	if !ownGit(err) && (key == "directory" || key == "config") {
		fix += "; only the flag, or the Action's input, can name one outside"
	}
	if p := from.problem(key+" may not be used: "+withoutPath(err), fix); !slices.Contains(l.errors, p) {
		l.errors = append(l.errors, p)
	}
	return false
}

// ofCommit reports whether a path is in the commit, or does not exist at all. It is needed for a bare
// repository: every path on the disk is one of git's own files, but the site's files come from the
// commit.
func (l *loader) ofCommit(abs string) bool {
	if l.in.Commit == nil {
		return false
	}
	_, committed, err := l.files.stat(abs)
	return committed || errors.Is(err, fs.ErrNotExist)
}

// isOutside reports whether an error means that a path must not be read: it leads out of
// the boundary, or to a file with credentials.
func isOutside(err error) bool {
	outside := (*boundary.Error)(nil)
	return errors.As(err, &outside) || errors.Is(err, boundary.ErrCredentials)
}

// ownGit reports whether an error means that a path is one of git's own files.
func ownGit(err error) bool {
	outside := (*boundary.Error)(nil)
	return errors.As(err, &outside) && outside.Git
}
