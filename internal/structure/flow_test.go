package structure

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const engine = module + "sync"

// stages are the files of the engine, in the order in which a deploy uses them:
// each may refer to those before it.
var stages = []string{
	"doc.go", "target.go", "layout.go", "engine.go",
	"order.go", "plan.go", "address.go", "switch.go",
	"deploy.go", "ahead.go", "history.go", "rollback.go",
	"verify.go", "verify_overlay.go", "prune.go", "delete.go",
}

// A stage of the engine can be read without the stages after it: at most ten references
// between its files are to a later one.
func TestStagesFollowTheFlow(t *testing.T) {
	const maxBackward = 10
	references := engineReferences(t)
	backward := references[:0:0]
	for _, r := range references {
		if slices.Index(stages, r.from) < slices.Index(stages, r.to) {
			backward = append(backward, r)
		}
	}
	t.Logf("%d references between the files of sync/, %d to a later stage", len(references), len(backward))
	if len(backward) <= maxBackward {
		return
	}
	for _, r := range backward {
		t.Errorf("sync/%s refers to %s of the later stage %s", r.from, r.name, r.to)
	}
}

// A reference is the use of a declaration in one file of the engine by another.
type reference struct{ from, to, name string }

// engineReferences returns the references between the files of sync/, each name
// once a file.
func engineReferences(t *testing.T) []reference {
	t.Helper()
	files, fset := parse(t)
	var syntax []*ast.File
	for _, f := range files {
		if f.dir == "sync" {
			syntax = append(syntax, f.syntax)
			if !slices.Contains(stages, filepath.Base(f.path)) {
				t.Errorf("%s has no place in the list of stages", f.path)
			}
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	checker := types.Config{Importer: importer.ForCompiler(fset, "gc", exports(t, "../../sync"))}
	if _, err := checker.Check(engine, fset, syntax, info); err != nil {
		t.Fatal(err)
	}
	name := func(p token.Pos) string { return filepath.Base(fset.Position(p).Filename) }
	seen := map[reference]bool{}
	var all []reference
	for id, object := range info.Uses {
		if object.Pkg() == nil || object.Pkg().Path() != engine || !declared(object) {
			continue
		}
		r := reference{from: name(id.Pos()), to: name(object.Pos()), name: object.Name()}
		if r.from != r.to && !seen[r] {
			seen[r] = true
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b reference) int {
		return strings.Compare(a.from+"\x00"+a.to+"\x00"+a.name, b.from+"\x00"+b.to+"\x00"+b.name)
	})
	return all
}

// declared tells functions, methods and what is declared in a package's scope
// from local names and fields.
func declared(object types.Object) bool {
	_, isFunc := object.(*types.Func)
	return isFunc || object.Parent() == object.Pkg().Scope()
}

// exports finds the export data of what the package in dir imports.
func exports(t *testing.T, dir string) importer.Lookup {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", ".")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p.Export
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(found[path]) }
}
