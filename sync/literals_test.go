package kvsync

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The engine gives no advice: it knows neither flags nor commands nor inputs. The
// head of [manifest.PulledName] is an exception, because its bytes are part of a folder's
// id, which must not change with a release.
func TestEngineNamesNoCommandLine(t *testing.T) {
	advice := regexp.MustCompile(`--[a-z]` +
		`|\bkv-sync (deploy|plan|upload|rollback|history|verify|prune|pull|dev|watch|daemon|hook|version)\b` +
		`|\b[Rr]un (it |the job )?again\b|\binputs? [a-z]|workflow_dispatch`)
	const pulledHead = "`# Edits made at run time that are in git"
	files := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if kv, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Fix" {
					t.Errorf("%s: the engine says what to do", set.Position(kv.Pos()))
				}
			}
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && advice.MatchString(lit.Value) && !strings.HasPrefix(lit.Value, pulledHead) {
				t.Errorf("%s: %s", set.Position(lit.Pos()), lit.Value)
			}
			return true
		})
		return nil
	})
	if err != nil || files < 40 {
		t.Fatalf("read %d files: %v", files, err)
	}
}
