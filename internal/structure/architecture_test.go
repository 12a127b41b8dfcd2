package structure

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	change = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	place  = regexp.MustCompile("`([^`]+)`(?: \\(([^)]*)\\))?")
)

// TestWhereToLook: in the table "To change X, look in Y" of the architecture page,
// each path exists, and the file contains each name behind it.
func TestWhereToLook(t *testing.T) {
	const least = 25
	_, section, _ := strings.Cut(read(t, top+"/docs/architecture.md"), "\n## To change X, look in Y\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := change.FindAllStringSubmatch(section, -1)
	if len(rows) < least+1 { // and the header
		t.Fatalf("the table has %d rows, want %d", len(rows), least)
	}
	for _, row := range rows[1:] {
		places := place.FindAllStringSubmatch(row[2], -1)
		if len(places) == 0 {
			t.Errorf("%s: no place is named", row[1])
		}
		for _, p := range append(places, place.FindAllStringSubmatch(row[3], -1)...) {
			checkPlace(t, row[1], p[1], regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(p[2], -1))
		}
	}
}

// TestPathsInDocuments: the paths in the contributors' documents exist.
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

func checkPlace(t *testing.T, what, name string, identifiers [][]string) {
	t.Helper()
	file := filepath.Join(top, name)
	if _, err := os.Stat(file); err != nil {
		t.Errorf("%s: %s does not exist", what, name)
		return
	}
	for _, m := range identifiers {
		word := regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(m[1]) + `(\W|$)`)
		if word.MatchString(read(t, file)) {
			continue
		}
		t.Errorf("%s: %s does not contain %s", what, name, m[1])
		for _, suffix := range []string{".go", ".ts"} {
			for _, other := range find(t, suffix) {
				if word.MatchString(read(t, other)) && !strings.HasSuffix(other, "_test.go") {
					t.Logf("\t%s does", strings.TrimPrefix(filepath.ToSlash(other), top+"/"))
				}
			}
		}
	}
}
