package config

import (
	"cmp"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/options"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// Bare mode replaces the Rust kv-sync, which is run without a command. Of a wrangler file, of
// any version, it reads only the name and the account. Variables CF_… have precedence over
// the file. kv-sync.toml applies as usual.

// DefaultIndex is the default path of the index, as in the Rust kv-sync.
const DefaultIndex = "data/assets.bin"

// bareWrangler reads the name and the account. All other keys are about the Worker, which
// wrangler publishes.
func (l *loader) bareWrangler(top *tree.Table, file string) *wranglerFile {
	w := &wranglerFile{File: &wrangler.File{}, values: map[string]value{}}
	r := tree.Reader{File: file}
	for key, name := range map[string]string{"name": "name", "account-id": "account_id"} {
		if n := top.Get(name); n != nil && n.Value != "" { // the templates of wrangler 1 have empty values
			w.values[key] = value{r.Text(n), origin{file, n.Line, true}}
		}
	}
	l.errors = append(l.errors, r.Errors...)
	return w
}

// variables returns the environment variables of a setting.
func (l *loader) variables(k key) []string {
	if l.in.Bare && k.name == "name" {
		return append([]string{"CF_NAME"}, k.env...)
	}
	return k.env
}

// finishBare fills in the defaults of the Rust kv-sync.
func (l *loader) finishBare() {
	s := l.s
	s.Layout = layoutKVAssets
	s.Directory = cmp.Or(s.Directory, "public")
	if _, set := s.origins["source"]; !set {
		s.Options[options.Source] = "folder" // the Rust kv-sync applies .gitignore and .ignore
	}
	l.place(&s.Directory, "directory")
	s.Project = ""
	if s.Name == "" {
		l.refuse(origin{place: "--wrangler"}, "the Worker has no name",
			`write name = "…" into wrangler.toml, or set CF_NAME`)
	}
}

// MeansBare reports whether kv-sync without a command acts like the Rust kv-sync in this
// folder. It does if kv-sync.toml sets the layout kv-assets, or, without a layout there, if
// the folder contains a Rust Worker or its index.
func MeansBare(root string) bool {
	inside, err := boundary.New(root)
	if err != nil {
		return false
	}
	l := &loader{
		root: root, boundary: inside, files: files{root: root, disk: inside},
		s: &Settings{origins: map[string]origin{}},
	}
	if layout, ok := l.projectFile(filepath.Join(root, ProjectFile))["layout"]; ok {
		return layout.text == layoutKVAssets
	}
	has := func(name string) bool { return l.files.isFile(filepath.Join(root, filepath.FromSlash(name))) }
	return has("wrangler.toml") && has("Cargo.toml") || has(DefaultIndex)
}
