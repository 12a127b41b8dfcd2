package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// checkRoot refuses a project's folder that is a symlink out of the repository.
func checkRoot(inside *boundary.Boundary, root string) error {
	if err := inside.Check(root); isOutside(err) && !ownGit(err) {
		return fmt.Errorf("the project's folder %s may not be used: %w", root, err)
	}
	return nil
}

// confine refuses a path that leads out of the boundary, in its text or through a
// symlink, unless a flag names a place there.
func (l *loader) confine(abs string, from origin, key string) bool {
	if from.person() {
		if err := l.boundary.Allow(abs); err != nil {
			l.errors = append(l.errors, from.problem(key+" cannot be found: "+pathless(err), "correct it"))
			return false
		}
	}
	err := l.boundary.Check(abs)
	if err == nil || ownGit(err) && l.ofCommit(abs) {
		return true
	}
	fix := "name a path inside"
	if !ownGit(err) && (key == "directory" || key == "config") {
		fix += "; one outside has to be named by whoever runs kv-sync, by the flag or the Action's input"
	}
	if p := from.problem(key+" may not be used: "+pathless(err), fix); !slices.Contains(l.errors, p) {
		l.errors = append(l.errors, p)
	}
	return false
}

// ofCommit reports whether a path is one of the commit that is published: a bare
// repository has its files there alone. What is not there either is no file of git's.
func (l *loader) ofCommit(abs string) bool {
	if l.in.Commit == nil {
		return false
	}
	_, committed, err := l.files.stat(abs)
	return committed || errors.Is(err, fs.ErrNotExist)
}

// isOutside reports whether an error is that a path leads to what is never read: out
// of the boundary, or to a file that holds credentials.
func isOutside(err error) bool {
	outside := (*boundary.Error)(nil)
	return errors.As(err, &outside) || errors.Is(err, boundary.ErrCredentials)
}

// ownGit reports whether it is that the path is one of git's own.
func ownGit(err error) bool {
	outside := (*boundary.Error)(nil)
	return errors.As(err, &outside) && outside.Git
}
