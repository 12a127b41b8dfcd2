package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// frameworksDir has the projects of frameworks and the recordings of what they build. Its README
// describes the files.
var frameworksDir = filepath.Join("..", "..", "testdata", "frameworks")

// framework is the project of one framework.
type framework struct {
	name  string
	title string       // the name and version for docs/frameworks.md
	files []txtar.File // its sources, as a repository has them
	// about has the lines "key: value" before the sources:
	//
	//	install   the shell command that installs the pinned packages
	//	build     the shell command that builds the site
	//	output    the files and folders that the build writes and a recording keeps
	//	assets    the folder of the site's files
	//	deploy    further arguments of kv-sync deploy
	//	wrangler  the configuration for wrangler, if the project has none
	//	paths     paths that have no file
	about map[string]string
}

// frameworks returns the projects of testdata/frameworks.
func frameworks(t *testing.T) []*framework {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(frameworksDir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no project in %s: %v", frameworksDir, err)
	}
	var all []*framework
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(archive.Comment), "\n")
		f := &framework{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), title: title, files: archive.Files,
			about: map[string]string{}}
		for line := range strings.Lines(string(archive.Comment)) {
			if key, value, ok := strings.Cut(line, ": "); ok && !strings.Contains(key, " ") {
				f.about[key] = strings.TrimSpace(value)
			}
		}
		all = append(all, f)
	}
	return all
}

// words returns the words of a line of about.
func (f *framework) words(key string) []string { return strings.Fields(f.about[key]) }

// beside returns the path of a file of this project in testdata/frameworks.
func (f *framework) beside(suffix string) string { return filepath.Join(frameworksDir, f.name+suffix) }

// clone writes the sources as a repository with one commit.
func (f *framework) clone(t *testing.T, root string) {
	t.Helper()
	for _, file := range f.files {
		write(t, filepath.Join(root, filepath.FromSlash(file.Name)), string(file.Data))
	}
	if lock, err := os.ReadFile(f.beside(".lock.json")); err == nil {
		write(t, filepath.Join(root, "package-lock.json"), string(lock))
	}
	git(t, root, "init", "--quiet", "--initial-branch", "main")
	git(t, root, "add", "-A")
	git(t, root, "commit", "--quiet", "-m", "the sources")
}

// unpack writes the recorded output.
func (f *framework) unpack(t *testing.T, root string) {
	t.Helper()
	b, err := os.Open(f.beside(".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	z, err := gzip.NewReader(b)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, filepath.FromSlash(h.Name)), string(content))
	}
}

// emptyMap replaces source maps in recordings, because source maps are larger than the code.
const emptyMap = `{"version":3,"sources":[],"names":[],"mappings":""}`

// record writes the recording: the output with empty source maps. Equal outputs give equal
// recordings.
func (f *framework) record(t *testing.T, root string) {
	t.Helper()
	file, err := os.Create(f.beside(".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, top := range f.words("output") {
		for _, name := range filesBelow(t, root, top) {
			content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			if path.Ext(name) == ".map" {
				content = []byte(emptyMap)
			}
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// filesBelow returns the files of a folder of root, sorted, relative to root and with slashes.
func filesBelow(t *testing.T, root, top string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(top)), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
