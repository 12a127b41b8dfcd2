package structure

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Only the packages of the layouts and the parser of the setting contain a layout's name. Other
// code calls the layout's interface.
func TestLayoutNames(t *testing.T) {
	allowed := []string{
		"internal/config/", // the parser of the setting
		"sync/layout.go",   // the list of the layouts
		"sync/layout/",     // the layouts
	}
	names := map[string]bool{"content": true, "pathname": true, "kv-assets": true}
	constant := regexp.MustCompile(`^[lL]ayout(Content|Pathname|KVAssets)$|^(content|pathname|kvAssets)Layout$`)
	checkNodes(t, func(f *file) bool {
		return !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(f.path, p) })
	}, func(n ast.Node) string {
		switch n := n.(type) {
		case *ast.Ident:
			if constant.MatchString(n.Name) {
				return n.Name
			}
		case *ast.BasicLit:
			if s, ok := text(n); ok && names[s] {
				return n.Value
			}
		}
		return ""
	}, "names a layout outside its package")
}
