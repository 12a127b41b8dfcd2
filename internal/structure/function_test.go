package structure

import (
	"go/ast"
	"slices"
	"testing"
)

// The median of the functions' lengths has a limit. .golangci.yml limits the longest function.
func TestFunctionSize(t *testing.T) {
	const maxMedian = 10
	files, fset := parse(t)
	var lengths []int
	for _, f := range files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				lengths = append(lengths, fset.Position(fn.End()).Line-fset.Position(fn.Pos()).Line+1)
			}
		}
	}
	slices.Sort(lengths)
	median := lengths[len(lengths)/2]
	t.Logf("%d functions, median %d lines", len(lengths), median)
	if median > maxMedian {
		t.Errorf("the median function has %d lines, at most %d are allowed", median, maxMedian)
	}
}
