package structure

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLayoutNames: code outside a layout's package does not ask which layout it
// is. It calls the layout's interface.
func TestLayoutNames(t *testing.T) {
	allowed := []string{
		"internal/config/", // the parser of the setting
		"sync/layout.go",   // the registration
		"sync/layout/",     // the layouts, and what is not yet there:
		"sync/content", "sync/kvassets", "sync/pathname",
	}
	names := map[string]bool{"content": true, "pathname": true, "kv-assets": true}
	constant := regexp.MustCompile(`^[lL]ayout(Content|Pathname|KVAssets)$|^(content|pathname|kvAssets)Layout$`)
	eachFile(t, func(f *file) bool {
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
