package config

import (
	"cmp"
	"path/filepath"
)

// place makes a path that a setting names relative to Root, and confines it.
func (l *loader) place(path *string, key string) {
	if *path == "" {
		return
	}
	abs := l.resolve(*path)
	l.confine(abs, cmp.Or(l.s.origins[key], origin{place: key}), key)
	*path = l.display(abs)
}

// resolve makes a path absolute. A relative path begins at Root.
func (l *loader) resolve(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(l.root, filepath.FromSlash(name))
}

// display returns a path with slashes, relative to Root if it is inside of the
// boundary, else absolute.
func (l *loader) display(abs string) string {
	rel, err := filepath.Rel(l.root, abs)
	if err != nil || !filepath.IsLocal(rel) && !l.inside(abs) {
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}

// inside reports whether a path leads to a place below the boundary's top.
func (l *loader) inside(abs string) bool {
	rel, err := filepath.Rel(l.boundary.Top(), existing(abs))
	return err == nil && filepath.IsLocal(rel)
}

// existing resolves the symlinks of the longest part of a path that exists.
func existing(abs string) string {
	if found, err := filepath.EvalSymlinks(abs); err == nil {
		return found
	}
	parent := filepath.Dir(abs)
	if parent == abs {
		return abs
	}
	return filepath.Join(existing(parent), filepath.Base(abs))
}
