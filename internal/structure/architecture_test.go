package structure

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// tableRow matches a table row of three cells.
	tableRow = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	// pathWithNames matches `path` (`Name`, `Name`). The names may be missing.
	pathWithNames = regexp.MustCompile("`([^`]+)`(?: \\(([^)]*)\\))?")
)

// In the table "To change X, look in Y" of docs/architecture.md, each path exists, and the file
// contains the names in parentheses after the path.
func TestWhereToLook(t *testing.T) {
	const least = 25
	_, section, _ := strings.Cut(read(t, top+"/docs/architecture.md"), "\n## To change X, look in Y\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := tableRow.FindAllStringSubmatch(section, -1)
	if len(rows) < least+1 { // one is the header
		t.Fatalf("the table has %d rows, want %d", len(rows), least)
	}
	for _, row := range rows[1:] {
		paths := pathWithNames.FindAllStringSubmatch(row[2], -1)
		if len(paths) == 0 {
			t.Errorf("%s: the row has no path", row[1])
		}
		for _, p := range append(paths, pathWithNames.FindAllStringSubmatch(row[3], -1)...) {
			checkPath(t, row[1], p[1], regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(p[2], -1))
		}
	}
}

// The paths in the documents for contributors exist.
func TestPathsInDocuments(t *testing.T) {
	folders := "bench|cmd|docs|examples|hooks|internal|mutation|rust|sync|testdata|worker"
	path := regexp.MustCompile("`((?:" + folders + ")/[\\w./*-]*)`")
	for _, document := range []string{"CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"} {
		for _, m := range path.FindAllStringSubmatch(read(t, top+"/"+document), -1) {
			if found, _ := filepath.Glob(filepath.Join(top, m[1])); len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", document, m[1])
			}
		}
	}
}

// checkPath checks that a file exists and contains the identifiers. row is the row's first cell.
func checkPath(t *testing.T, row, name string, identifiers [][]string) {
	t.Helper()
	file := filepath.Join(top, name)
	if _, err := os.Stat(file); err != nil {
		t.Errorf("%s: %s does not exist", row, name)
		return
	}
	for _, m := range identifiers {
		word := regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(m[1]) + `(\W|$)`)
		if word.MatchString(read(t, file)) {
			continue
		}
		t.Errorf("%s: %s does not contain %s", row, name, m[1])
		for _, suffix := range []string{".go", ".ts"} {
			for _, other := range find(t, suffix) {
				if word.MatchString(read(t, other)) && !strings.HasSuffix(other, "_test.go") {
					t.Logf("\t%s contains it", strings.TrimPrefix(filepath.ToSlash(other), top+"/"))
				}
			}
		}
	}
}
