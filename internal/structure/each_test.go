package structure

import (
	"go/ast"
	"go/token"
	"strconv"
	"testing"
)

// eachFile reports every node of the files that applies accepts for which found
// returns a text.
func eachFile(t *testing.T, applies func(*file) bool, found func(ast.Node) string, fault string) {
	t.Helper()
	files, fset := parse(t)
	count := map[string]int{}
	for _, f := range files {
		if !applies(f) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field:
				n.Tag = nil // names of members, not values
			}
			if n != nil {
				if s := found(n); s != "" {
					count[f.dir]++
					t.Errorf("%s: %s %s", fset.Position(n.Pos()), s, fault)
				}
			}
			return true
		})
	}
	for dir, n := range count {
		t.Logf("%d in %s", n, dir)
	}
}

// text returns the value of a string literal.
func text(lit *ast.BasicLit) (string, bool) {
	if lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
