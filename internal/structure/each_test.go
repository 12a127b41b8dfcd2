package structure

import (
	"go/ast"
	"go/token"
	"strconv"
	"testing"
)

// checkNodes calls check for each node of the files for which applies returns true. If check
// returns a text, it reports an error with that text and the problem.
func checkNodes(t *testing.T, applies func(*file) bool, check func(ast.Node) string, problem string) {
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
				n.Tag = nil // check gets no struct tags
			}
			if n != nil {
				if s := check(n); s != "" {
					count[f.dir]++
					t.Errorf("%s: %s %s", fset.Position(n.Pos()), s, problem)
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
