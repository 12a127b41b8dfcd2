// Package structure tests the shape of the code base: the size of its packages
// and functions, the direction of references in the engine, and which names may
// occur where. It has tests only.
//
// .golangci.yml holds the rules for which a linter exists: the length of lines,
// functions and files, the number of parameters, and imports.
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

const top = "../.."

// A file is a parsed Go file of this module that is not a test.
type file struct {
	path   string // slash-separated, relative to the top of the repository
	dir    string // of path
	lines  int
	syntax *ast.File
}

// parse returns every Go file of this module but tests, by path, and the
// positions of their nodes.
func parse(t *testing.T) ([]*file, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*file
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != top && skipped(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		syntax, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		rel = filepath.ToSlash(rel)
		lines := fset.File(syntax.FileStart).LineCount()
		files = append(files, &file{path: rel, dir: path.Dir(rel), lines: lines, syntax: syntax})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("found only %d Go files below %s", len(files), top)
	}
	return files, fset
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || dir == "node_modules" || dir == "testdata" || dir == "target"
}
