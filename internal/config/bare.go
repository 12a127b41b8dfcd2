package config

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

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
// folder. A layout in kv-sync.toml decides. Without one, the project must have an index of
// files, or kv-sync.toml or the code of a Rust Worker must name one. Otherwise kv-sync could
// upload the files of another kind of site.
func MeansBare(root string) bool {
	l := onDisk(root)
	if l == nil {
		return false
	}
	own := l.projectFile(filepath.Join(root, ProjectFile))
	if layout, ok := own["layout"]; ok {
		return layout.text == layoutKVAssets
	}
	_, named := own["index"]
	return named || l.has(DefaultIndex) || l.isRustWorker() && l.codeNamesIndex()
}

// IsRustWorker reports whether a folder has a Worker in Rust.
func IsRustWorker(root string) bool {
	l := onDisk(root)
	return l != nil && l.isRustWorker()
}

// onDisk returns a loader that only looks at files, nil if there is no such folder.
func onDisk(root string) *loader {
	inside, err := boundary.New(root)
	if err != nil {
		return nil
	}
	return &loader{
		root: root, boundary: inside, files: files{root: root, disk: inside},
		s: &Settings{origins: map[string]origin{}},
	}
}

// has reports whether the project has a file.
func (l *loader) has(name string) bool {
	return l.files.isFile(filepath.Join(l.root, filepath.FromSlash(name)))
}

func (l *loader) isRustWorker() bool { return l.has("wrangler.toml") && l.has("Cargo.toml") }

// codeNamesIndex reports whether a file of src has the name of the index, as in
// include_bytes!("../data/assets.bin").
func (l *loader) codeNamesIndex() bool {
	dir := filepath.Join(l.root, "src")
	if !l.files.isDir(dir) {
		return false
	}
	entries, _ := os.ReadDir(dir) // an unreadable folder names nothing
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return path.Ext(e.Name()) == ".rs" &&
			bytes.Contains(l.files.readSmall(filepath.Join(dir, e.Name())), []byte(path.Base(DefaultIndex)))
	})
}
