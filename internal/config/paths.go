package config

import (
	"cmp"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/realpath"
)

// place makes a path of a setting relative to Root, and refuses it if it is outside of the
// boundary.
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

// display returns a path with slashes. It is relative to Root if the path is inside of the
// boundary, and absolute otherwise.
func (l *loader) display(abs string) string {
	rel, err := filepath.Rel(l.root, abs)
	if err != nil || !filepath.IsLocal(rel) && !l.inside(abs) {
		return filepath.ToSlash(abs)
	}
	return filepath.ToSlash(rel)
}

// inside reports whether a path, with symlinks resolved, is below the boundary's top.
func (l *loader) inside(abs string) bool {
	rel, err := filepath.Rel(l.boundary.Top(), realpath.Resolve(abs))
	return err == nil && filepath.IsLocal(rel)
}
