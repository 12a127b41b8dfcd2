package structure

import (
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// memberTable matches a table of docs/format.md that lists the members of a JSON object.
var memberTable = regexp.MustCompile(`(?m)^\| member of (.*?) \| .*\n\|-.*\n((?:\|.*\n)+)`)

// quoted matches code in a text.
var quoted = regexp.MustCompile("`([^`]+)`")

// writers are the types that the engine encodes, by the object in docs/format.md.
var writers = map[string]string{
	"meta":                  "sync/manifest.servedMeta",
	"a redirect":            "sync/manifest.Redirect",
	"a header rule":         "sync/manifest.HeaderRule",
	"the head":              "sync/manifest.storedHead",
	"origin":                "sync/manifest.StoredOrigin",
	"serving":               "sync/manifest.Serving",
	"routing":               "sync/manifest.Routing",
	"the root's meta":       "sync/parts.head",
	"a receipt":             "sync/layout/content.receiptLine",
	"KV_SYNC":               "sync/version.Meta",
	"repository":            "sync/manifest.Repository",
	"overlay":               "sync/overlay.Meta",
	"a companion's KV_SYNC": "sync/overlay.CompanionMeta",
	"a record":              "sync/version.Record",
	"past":                  "sync/version.Activated",
	"forgot":                "sync/version.Forgot",
	"a hold record":         "sync/version.HoldRecord",
	"held":                  "sync/version.Content",
	"a version":             "sync/project.Version",
	"a module":              "sync/project.Module",
	"current":               "sync/project.Pointer",
	"an activation":         "sync/project.Activation",
	"a file's entry":        "sync/layout/pathname.Entry",
}

// writtenByWorkers are objects that only TypeScript code writes. The script format.txtar in
// cmd/kv-sync checks them, as it checks all others, by what is stored.
var writtenByWorkers = []string{"the overlay's meta", "the overlay record", "an entry"}

// docs/format.md names each member that the engine writes, with a "?" if the engine can leave it
// out, and no other member.
func TestMembersInFormat(t *testing.T) {
	structs, tables := structTypes(t), memberTables(t)
	for _, object := range writtenByWorkers {
		if tables[object] == nil {
			t.Errorf("docs/format.md has no table of the members of %s", object)
		}
		delete(tables, object)
	}
	for object, name := range writers {
		want, got := members(structs, name), tables[object]
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("docs/format.md has %q as the members of %s; %s has %q", got, object, name, want)
		}
		delete(tables, object)
	}
	for object := range tables {
		t.Errorf("docs/format.md has the members of %s, for which this test knows no type", object)
	}
}

// memberTables returns the members in docs/format.md by object.
func memberTables(t *testing.T) map[string][]string {
	t.Helper()
	tables := map[string][]string{}
	for _, m := range memberTable.FindAllStringSubmatch(read(t, top+"/docs/format.md"), -1) {
		object := strings.ReplaceAll(m[1], "`", "")
		for row := range strings.Lines(m[2]) {
			cell, _, _ := strings.Cut(row, " | ")
			for _, name := range quoted.FindAllStringSubmatch(cell, -1) {
				tables[object] = append(tables[object], name[1])
			}
		}
	}
	return tables
}

// structTypes returns the struct types of this module by package folder and name.
func structTypes(t *testing.T) map[string]*ast.StructType {
	t.Helper()
	structs := map[string]*ast.StructType{}
	files, _ := parse(t)
	for _, f := range files {
		for node := range ast.Preorder(f.syntax) {
			if spec, ok := node.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					structs[f.dir+"."+spec.Name.Name] = s
				}
			}
		}
	}
	return structs
}

// members lists the members that a struct is encoded with, with a "?" after those that can be left
// out. Embedded structs are of the same package, or of another one below sync.
func members(structs map[string]*ast.StructType, name string) (out []string) {
	for _, field := range structs[name].Fields.List {
		if embedded, ok := field.Type.(*ast.Ident); ok && len(field.Names) == 0 {
			out = append(out, members(structs, name[:strings.LastIndex(name, ".")+1]+embedded.Name)...)
			continue
		}
		if embedded, ok := field.Type.(*ast.SelectorExpr); ok && len(field.Names) == 0 {
			out = append(out, members(structs, fmt.Sprintf("sync/%s.%s", embedded.X, embedded.Sel))...)
		}
		if field.Tag == nil {
			continue
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
		member, omits, _ := strings.Cut(tag, ",")
		if omits != "" {
			member += "?"
		}
		if member != "-" {
			out = append(out, member)
		}
	}
	return out
}
