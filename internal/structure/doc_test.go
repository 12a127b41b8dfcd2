// Package structure has tests of the whole repository: the sizes of packages, the direction of
// imports, the names that may occur only in certain packages, and the links and paths in the
// documents.
//
// .golangci.yml has the rules that a linter checks: the length of lines, functions and files, the
// number of parameters, and imports.
package structure

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	top    = "../.."
	module = "github.com/kv-sync/kv-sync/"
)

// file is a parsed Go file of this module that is not a test.
type file struct {
	path   string // slash-separated, relative to the top of the repository
	dir    string // the folder of path
	lines  int
	syntax *ast.File
}

// parse returns the Go files of this module without tests, in the order of their paths, and the
// positions of their nodes.
func parse(t *testing.T) ([]*file, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*file
	for _, name := range find(t, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		rel := strings.TrimPrefix(filepath.ToSlash(name), top+"/")
		lines := fset.File(syntax.FileStart).LineCount()
		files = append(files, &file{path: rel, dir: path.Dir(rel), lines: lines, syntax: syntax})
	}
	if len(files) < 100 {
		t.Fatalf("found only %d Go files below %s", len(files), top)
	}
	return files, fset
}

// find returns the files of the repository whose names end in suffix.
func find(t *testing.T, suffix string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != top && skipped(d.Name()) {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func skipped(dir string) bool {
	hidden := strings.HasPrefix(dir, ".") && dir != ".github"
	return hidden || dir == "node_modules" || dir == "testdata" || dir == "target"
}
