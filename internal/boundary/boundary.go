// Package boundary decides which files a run may read: the files whose real path is below
// one folder, the top, except for git's own files.
//
// A repository and its dependencies are not trusted. A symlink, an import or a path in a
// configuration file may lead to a token, to /proc or to git's settings. So [Boundary.Open]
// opens every file that may be published or that decides what is published:
//
//	b, err := boundary.New(top)
//	text, err := b.ReadFile(filepath.Join(top, "_headers"), 1<<20)
//
// [Boundary.Allow] adds a path outside of the top that a person named by a flag or an input.
package boundary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Boundary is the part of the file system that may be read. It is safe for concurrent use once
// the last call of Allow and Hide has returned.
type Boundary struct {
	// All paths are absolute and free of symlinks.
	top     string
	hidden  []string // git's own folders
	allowed []string // paths outside of top that a person named
}

// Error says that a path may not be read.
type Error struct {
	// Path is the path that the caller asked for. Real is the same path without symlinks.
	Path, Real string
	// Top is the top of the boundary.
	Top string
	// Git says that Real is one of git's own files.
	Git bool
}

// Error describes where the path leads. It does not name the path itself.
func (e *Error) Error() string {
	where := "it is "
	if e.Real != e.Path {
		where = "it leads to " + e.Real + ", which is "
	}
	if e.Git {
		return where + "one of git's own files, which are never read or published"
	}
	return where + "outside of " + e.Top
}

// ErrIrregular is returned (wrapped) for a path that is not a regular file, such as a
// directory, a FIFO or a device.
var ErrIrregular = errors.New("it is not a regular file")

// Find returns the real path of the top of the work tree that a folder is in: the folder
// itself or its nearest parent with an entry .git. If there is none, it returns the folder.
func Find(dir string) (string, error) {
	dir, err := realPath(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if filepath.Dir(at) == at {
			return dir, nil
		}
	}
}

// New returns the boundary whose top is a folder, which need not exist.
func New(top string) (*Boundary, error) {
	top, err := realPath(top)
	if err != nil {
		return nil, err
	}
	return &Boundary{top: top}, nil
}

// Hide adds folders of git's own files that are not named .git.
func (b *Boundary) Hide(dirs ...string) error {
	for _, dir := range dirs {
		dir, err := realPath(dir)
		if err != nil {
			return err
		}
		b.hidden = append(b.hidden, dir)
	}
	return nil
}

// Top returns the folder below which files may be read, free of symlinks.
func (b *Boundary) Top() string { return b.top }

// Allow allows reading a path outside of the top: a file, or a folder with everything below.
// It is for paths that a person named by a flag or an input. A path that goes through the top
// allows nothing: it can only leave the top through a symlink of the repository, and the
// person did not choose the target of that symlink.
func (b *Boundary) Allow(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil || b.spelledInside(abs) {
		return err
	}
	at, err := realPath(abs)
	if err == nil {
		b.allowed = append(b.allowed, at)
	}
	return err
}

// spelledInside reports whether a path, as it is written, is the top or goes through it. The
// path may reach the top through symlinks outside of the repository.
func (b *Boundary) spelledInside(abs string) bool {
	for dir := abs; ; dir = filepath.Dir(dir) {
		if found, err := realPath(dir); dir == b.top || err == nil && found == b.top {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// Check returns an [*Error] if a path leads to a place that may not be read. The path need
// not exist.
func (b *Boundary) Check(path string) error {
	_, _, err := b.locate(path)
	return err
}

// Inside reports whether [Boundary.Check] returns no error.
func (b *Boundary) Inside(path string) bool { return b.Check(path) == nil }

// locate resolves a path. It returns the readable folder (top or an allowed path) that the
// path leads into, and the path relative to that folder, both free of symlinks.
func (b *Boundary) locate(path string) (base, rel string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	at, err := realPath(abs)
	if err != nil {
		return "", "", err
	}
	fail := &Error{Path: abs, Real: at, Top: b.top}
	for _, base := range append([]string{b.top}, b.allowed...) {
		if !inside(base, at) || inKernelFS(base, at) {
			continue
		}
		rel, err := filepath.Rel(base, at)
		if err != nil {
			return "", "", err
		}
		if fail.Git = hasGitName(rel) || base != b.top && hasGitName(at) || b.isHidden(at); fail.Git {
			return "", "", fail
		}
		return base, rel, nil
	}
	return "", "", fail
}

// Git reports whether a path is one of git's own folders or in one. The path is absolute and
// free of symlinks.
func (b *Boundary) Git(path string) bool {
	rel, err := filepath.Rel(b.top, path)
	return err != nil || hasGitName(rel) || b.isHidden(path)
}

func (b *Boundary) isHidden(at string) bool {
	return slices.ContainsFunc(b.hidden, func(dir string) bool { return inside(dir, at) })
}

// hasGitName reports whether an element of a path is named .git. It ignores case, as some
// file systems do.
func hasGitName(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool {
		return strings.EqualFold(name, ".git")
	})
}

// inKernelFS reports whether a path is in /proc, /sys or /dev, unless the base is in there,
// too. If the base is "/", these file systems are below the base.
func inKernelFS(base, path string) bool {
	return slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(dir string) bool {
		return inside(dir, path) && !inside(dir, base)
	})
}

// inside reports whether a path is a folder or below it. It compares only the text.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// realPath makes a path absolute and resolves its symlinks. The part of the path that does
// not exist stays as it is. A symlink whose target does not exist is resolved, too.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return resolve(abs, 0)
}

// maxLinks limits the length of a chain of symlinks. Linux has the same limit.
const maxLinks = 40

func resolve(abs string, links int) (string, error) {
	found, err := filepath.EvalSymlinks(abs)
	if err == nil || filepath.Dir(abs) == abs {
		return found, err
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return "", err
	}
	above, err := resolve(filepath.Dir(abs), links)
	if err != nil {
		return "", err
	}
	at := filepath.Join(above, filepath.Base(abs))
	text, err := os.Readlink(at)
	if err != nil {
		return at, nil //nolint:nilerr // it is not a symlink
	}
	if links >= maxLinks {
		return "", fmt.Errorf("resolve %s: too many symlinks", abs)
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(above, text)
	}
	return resolve(text, links+1)
}
