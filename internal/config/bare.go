package config

import (
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// The Rust kv-sync reads two keys of a wrangler file, of whatever version, and
// nothing else. Every variable CF_… stands for the key of that name. It is called
// without a command, so what is read for it is called bare. kv-sync.toml counts as
// everywhere.

// bareFolder is where it takes the files from.
const bareFolder = "public"

// bareWrangler reads the name and the account. Whatever else a file of another
// time says is about the Worker, which wrangler publishes.
func (l *loader) bareWrangler(top *table, file string) *wranglerFile {
	w := &wranglerFile{given: map[string]given{}}
	r := reader{file: file}
	for key, name := range map[string]string{"name": "name", "account-id": "account_id"} {
		if n := top.get(name); n != nil && n.value != "" { // wrangler 1 has empty ones in its templates
			w.given[key] = given{r.text(n), origin{file, n.line, true}}
		}
	}
	l.errors = append(l.errors, r.errors...)
	return w
}

// variables are the names of a setting in the environment.
func (l *loader) variables(k key) []string {
	if l.in.Bare && k.name == "name" {
		return append([]string{"CF_NAME"}, k.env...)
	}
	return k.env
}

// completeBare fills what nobody said.
func (l *loader) completeBare() {
	s := l.s
	s.Layout = layoutKVAssets
	if s.Directory == "" {
		s.Directory = bareFolder
	}
	if _, given := s.origins["source"]; !given {
		s.Source = "folder" // where .gitignore and .ignore count, as they are to
	}
	l.place(&s.Directory, "directory")
	s.Project = ""
	if s.Name == "" {
		l.refuse("--wrangler", "the Worker has no name", `write name = "…" into wrangler.toml, or set CF_NAME`)
	}
}

// MeansBare reports whether kv-sync without a command is plainly meant to do the
// work of the Rust kv-sync in this folder: by the layout in kv-sync.toml, or
// because a Rust Worker lies here, or its index.
func MeansBare(root string) bool {
	inside, err := boundary.New(root)
	if err != nil {
		return false
	}
	l := &loader{root: root, boundary: inside, files: files{root: root, disk: inside}, s: &Settings{origins: map[string]origin{}}}
	if layout, ok := l.projectFile(filepath.Join(root, ProjectFile))["layout"]; ok {
		return layout.text == layoutKVAssets
	}
	has := func(name string) bool { return l.files.isFile(filepath.Join(root, filepath.FromSlash(name))) }
	return has("wrangler.toml") && has("Cargo.toml") || has(DefaultIndex)
}

// DefaultIndex is where the Rust kv-sync writes its index, too.
const DefaultIndex = "data/assets.bin"
