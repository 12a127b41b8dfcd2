// Package boundary says which files a run may read: those that lie, by their real
// path, below one folder and are not git's own.
//
// A repository and its dependencies are not trusted with the rest of the machine:
// a symlink, an import or a path in a configuration file may lead to a token, to
// /proc or to git's settings. So whoever reads a file that may be published, or
// that decides what is, opens it by [Boundary.Open]. What a person names outside
// of the folder, by a flag or an input, [Boundary.Allow] adds.
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

// Boundary is the part of the file system that may be read. It is safe for
// concurrent use once the last call of Allow and Hide has returned.
type Boundary struct {
	top     string   // absolute and free of symlinks
	hidden  []string // git's own folders, likewise
	allowed []string // what a person named outside of top, likewise
}

// Error says that a path may not be read.
type Error struct {
	// Path is what was asked for, Real where it leads.
	Path, Real string
	// Top is the folder that Real is outside of.
	Top string
	// Git says that Real is one of git's own files.
	Git bool
}

// Error says where the path leads, without the path itself.
func (e *Error) Error() string {
	where := "it is "
	if e.Real != e.Path {
		where = "it leads to " + e.Real + ", which is "
	}
	if e.Git {
		return where + "one of git's own files, and those are never read or published"
	}
	return where + "outside of " + e.Top
}

// ErrIrregular is returned (wrapped) for what is no regular file: a directory, a
// FIFO, a device.
var ErrIrregular = errors.New("it is not a regular file")

// Find returns the top of the work tree that a folder is in: the folder itself or
// the nearest one above that has an entry .git, by its real path. It is the folder
// where there is none.
func Find(dir string) (string, error) {
	dir, err := real(dir)
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
	top, err := real(top)
	if err != nil {
		return nil, err
	}
	return &Boundary{top: top}, nil
}

// Hide adds folders that git keeps its own files in, under whatever name.
func (b *Boundary) Hide(dirs ...string) error {
	for _, dir := range dirs {
		dir, err := real(dir)
		if err != nil {
			return err
		}
		b.hidden = append(b.hidden, dir)
	}
	return nil
}

// Top is the folder below which files may be read, free of symlinks.
func (b *Boundary) Top() string { return b.top }

// Allow lets a file, or a folder with all that is below, be read outside of the
// top: for a path that a person named, by a flag or an input. For one that is
// inside by its text it does nothing: where a symlink of the repository leads,
// nobody named.
func (b *Boundary) Allow(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil || b.spelledInside(abs) {
		return err
	}
	at, err := real(abs)
	if err == nil {
		b.allowed = append(b.allowed, at)
	}
	return err
}

// spelledInside reports whether a path is the top or goes through it. The top may
// be spelled by a symlink above it, which is not the repository's.
func (b *Boundary) spelledInside(abs string) bool {
	for dir := abs; ; dir = filepath.Dir(dir) {
		if found, err := real(dir); dir == b.top || err == nil && found == b.top {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// Check is an [*Error] where a path leads to what may not be read. Of one that is
// not there, the part that is there counts.
func (b *Boundary) Check(path string) error {
	_, _, err := b.locate(path)
	return err
}

// Inside reports whether a path leads to a place below the top, or to one that a
// person named, and not into git's own folders.
func (b *Boundary) Inside(path string) bool { return b.Check(path) == nil }

// locate returns the folder that may be read and the place below it that a path
// leads to, free of symlinks.
func (b *Boundary) locate(path string) (base, rel string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	at, err := real(abs)
	if err != nil {
		return "", "", err
	}
	fail := &Error{Path: abs, Real: at, Top: b.top}
	for _, base := range append([]string{b.top}, b.allowed...) {
		if !inside(base, at) || kernel(base, at) {
			continue
		}
		rel, err := filepath.Rel(base, at)
		if err != nil {
			return "", "", err
		}
		if fail.Git = named(rel) || base != b.top && named(at) || b.isHidden(at); fail.Git {
			return "", "", fail
		}
		return base, rel, nil
	}
	return "", "", fail
}

// Git reports whether a path, absolute and free of symlinks, is one of git's own
// folders or in one.
func (b *Boundary) Git(path string) bool {
	rel, err := filepath.Rel(b.top, path)
	return err != nil || named(rel) || b.isHidden(path)
}

func (b *Boundary) isHidden(at string) bool {
	return slices.ContainsFunc(b.hidden, func(dir string) bool { return inside(dir, at) })
}

// named reports whether a path has a part that is called as git's folder is, in
// whatever case: some file systems know no difference.
func named(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool { return strings.EqualFold(name, ".git") })
}

// kernel reports whether a path is in a file system that shows processes and
// devices, for a folder that has one below it, as the root has.
func kernel(base, path string) bool {
	return slices.ContainsFunc([]string{"/proc", "/sys", "/dev"}, func(dir string) bool {
		return inside(dir, path) && !inside(dir, base)
	})
}

// inside reports whether a path is a folder or below it, by their text.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// real makes a path absolute and resolves its symlinks, as far as it is there. A
// symlink that leads to nothing counts as what it leads to.
func real(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return resolve(abs, 0)
}

// maxLinks bounds chains of symlinks, as Linux does.
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
		return at, nil //nolint:nilerr // it is no symlink
	}
	if links >= maxLinks {
		return "", fmt.Errorf("resolve %s: too many symlinks", abs)
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(above, text)
	}
	return resolve(text, links+1)
}
