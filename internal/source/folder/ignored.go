package folder

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// Publishes returns a function that reports whether a file in the folder is published or decides
// what is, or whether something in a directory of it may be published. The path is absolute and
// without symlinks.
//
// Ignore files are read once each, so make a new function when they change; one that cannot be
// read ignores nothing. The function is safe for concurrent use.
func Publishes(options Options) func(path string, isDir bool) bool {
	root, err := filepath.Abs(options.Path)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return func(string, bool) bool { return true }
	}
	w := &folderWalk{Folder: &Folder{options: options, path: root}}
	outer, err := w.outer()
	if err != nil {
		return func(string, bool) bool { return true }
	}
	d := &directoryRules{options: options, path: root, inside: options.Boundary, scopes: map[string]*scopes{}}
	d.scopes[""] = d.read(outer, "")
	return func(path string, isDir bool) bool {
		rel, err := filepath.Rel(root, path)
		if err != nil || !filepath.IsLocal(rel) || rel == "." {
			return true
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.publishes(filepath.ToSlash(rel), isDir)
	}
}

// directoryRules has the patterns in force in each directory.
type directoryRules struct {
	options Options
	path    string
	inside  *boundary.Boundary

	mu     sync.Mutex
	scopes map[string]*scopes // by directory; nil for a directory that is ignored
}

// publishes reports whether a path is published. All directories above it must be walked, too.
func (d *directoryRules) publishes(rel string, isDir bool) bool {
	s := d.in(above(rel))
	if s == nil {
		return false
	}
	decides := !isDir && (rules.Configures(rel) || slices.Contains(d.options.ignoreFiles(), path.Base(rel)) &&
		d.options.GitIgnore)
	return decides || d.options.selects(*s, rel, isDir) == rules.Published
}

// in returns the patterns in force in a directory, or nil if the directory is not walked.
func (d *directoryRules) in(rel string) *scopes {
	if s, known := d.scopes[rel]; known {
		return s
	}
	var s *scopes
	if d.publishes(rel, true) {
		s = d.read(*d.in(above(rel)), rel+"/")
	}
	d.scopes[rel] = s
	return s
}

// above is the directory that a path is in; "" for one at the top.
func above(rel string) string { return rel[:max(strings.LastIndexByte(rel, '/'), 0)] }

// read adds a directory's own ignore files. rel is "" for the root, else ends in a slash.
func (d *directoryRules) read(s scopes, rel string) *scopes {
	for _, name := range d.options.ignoreFiles() {
		text, err := d.inside.ReadFile(filepath.Join(d.path, filepath.FromSlash(rel), name), rules.MaxText)
		if err == nil {
			s = s.with(rel, name, string(text))
		}
	}
	return &s
}
