package folder

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// Ignored returns a function that reports, for a directory below the folder, whether nothing in
// it is published. The directory is given by its absolute path without symlinks. Ignore files
// are read once each, so make a new function when they change; one that cannot be read ignores
// nothing. The function is safe for concurrent use.
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
	g := &directoryRules{path: path, inside: options.Boundary, scopes: map[string]*scopes{}}
	g.scopes[""] = g.read(outer, "")
	return func(dir string) bool {
		rel, err := filepath.Rel(path, dir)
		if err != nil || !filepath.IsLocal(rel) || rel == "." {
			return false
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.in(filepath.ToSlash(rel)) == nil
	}
}

// directoryRules has the patterns in force in each directory.
type directoryRules struct {
	path   string
	inside *boundary.Boundary

	mu     sync.Mutex
	scopes map[string]*scopes // by directory; nil for one that is not walked
}

// in returns the patterns in force in a directory, nil if it is not walked.
func (g *directoryRules) in(rel string) *scopes {
	if s, known := g.scopes[rel]; known {
		return s
	}
	above := ""
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		above = rel[:i]
	}
	s := g.in(above)
	if s != nil && rules.Published(s.assets, s.git, rel, true) {
		s = g.read(*s, rel+"/")
	} else {
		s = nil
	}
	g.scopes[rel] = s
	return s
}

// read adds a directory's own ignore files. rel is "" for the root, else ends in a slash.
func (g *directoryRules) read(s scopes, rel string) *scopes {
	for _, name := range []string{ignore.GitFile, ignore.PlainFile, rules.AssetsIgnoreFile} {
		text, err := g.inside.ReadFile(filepath.Join(g.path, filepath.FromSlash(rel), name), rules.MaxText)
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
