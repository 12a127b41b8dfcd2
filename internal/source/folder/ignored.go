package folder

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// Ignored returns a function that reports whether kv-sync publishes nothing of a directory below
// the folder. The function takes the directory's absolute path, without symlinks, and is safe for
// concurrent use. It reads each ignore file once, so the caller makes a new function when an
// ignore file changes. A file that cannot be read has no patterns.
func Ignored(options Options) func(dir string) bool {
	path, err := filepath.Abs(options.Path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return func(string) bool { return false }
	}
	w := &folderWalk{Folder: &Folder{options: options, path: path}}
	outer, err := w.parent()
	if err != nil {
		return func(string) bool { return false }
	}
	d := &directoryRules{path: path, inside: options.Boundary, scopes: map[string]*scopes{}}
	d.scopes[""] = d.read(outer, "")
	return func(dir string) bool {
		rel, err := filepath.Rel(path, dir)
		if err != nil || !filepath.IsLocal(rel) || rel == "." {
			return false
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.in(filepath.ToSlash(rel)) == nil
	}
}

// directoryRules has the patterns in force in each directory.
type directoryRules struct {
	path   string
	inside *boundary.Boundary

	mu     sync.Mutex
	scopes map[string]*scopes // by directory; nil for a directory that is ignored
}

// in returns the patterns in force in a directory, nil if the directory is ignored.
func (d *directoryRules) in(rel string) *scopes {
	if s, known := d.scopes[rel]; known {
		return s
	}
	above := ""
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		above = rel[:i]
	}
	s := d.in(above)
	if s != nil && rules.Published(s.assets, s.git, rel, true) {
		s = d.read(*s, rel+"/")
	} else {
		s = nil
	}
	d.scopes[rel] = s
	return s
}

// read adds a directory's own ignore files. rel is "" for the root, otherwise ends in a slash.
func (d *directoryRules) read(s scopes, rel string) *scopes {
	for _, name := range []string{ignore.GitFile, ignore.PlainFile, rules.AssetsIgnoreFile} {
		text, err := d.inside.ReadFile(filepath.Join(d.path, filepath.FromSlash(rel), name), rules.MaxText)
		if err != nil {
			continue
		}
		if name == rules.AssetsIgnoreFile {
			s.assets = s.assets.Within(rel, string(text))
		} else {
			s.git = s.git.Within(rel, string(text))
		}
	}
	return &s
}
