// Package boundary decides which files a run may read: those that are, by their real path,
// below one folder and are not git's own.
//
// The rest of the machine is not open to a repository and its dependencies: a symlink, an
// import or a path in a configuration file may lead to a token, to /proc or to git's settings.
// So every file that may be published, or that decides what is, is opened by [Boundary.Open]:
//
//	b, err := boundary.New(top)
//	text, err := b.ReadFile(filepath.Join(top, "_headers"), 1<<20)
//
// [Boundary.Allow] adds a path outside that a person named, by a flag or an input.
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
	top     string   // absolute and free of symlinks
	hidden  []string // git's own folders, like top
	allowed []string // paths outside top that a person named, like top
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

// Error describes where the path leads, without the path itself.
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

// ErrIrregular is returned (wrapped) for what is not a regular file: a directory, a FIFO, a
// device.
var ErrIrregular = errors.New("it is not a regular file")

// Find returns the top of the work tree that a folder is in: the folder itself or the nearest
// one above that has an entry .git, by its real path. Without a work tree it is the folder.
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

// Hide adds folders in which git keeps its own files, under whatever name.
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

// Allow allows reading a file, or a folder with all that is below, outside the top: for a path
// that a person named, by a flag or an input. It does nothing for a path that is inside by its
// text: a person did not name the place to which a symlink of the repository leads.
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

// spelledInside reports whether a path is the top or goes through it. A symlink above the top,
// which is not the repository's, may be part of the path.
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

// Check returns an [*Error] if a path leads to what may not be read. Of a path that does not
// exist, the existing part counts.
func (b *Boundary) Check(path string) error {
	_, _, err := b.locate(path)
	return err
}

// Inside reports whether a path leads below the top or to a path that a person
// named, and not into git's own folders.
func (b *Boundary) Inside(path string) bool { return b.Check(path) == nil }

// locate returns the folder that may be read, and the place below it that a path leads to, free
// of symlinks.
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

// named reports whether a part of a path has the name of git's folder, in any case: some file
// systems ignore case.
func named(path string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(path), "/"), func(name string) bool {
		return strings.EqualFold(name, ".git")
	})
}

// kernel reports whether a path is in a file system that shows processes and devices, and the
// folder is not. The root has such file systems below it.
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

// real makes a path absolute and resolves its symlinks, as far as it exists. A symlink to
// nothing counts as its target.
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
