package structure

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDiagramOfPackages: each arrow of the first diagram on the architecture page is an
// import.
func TestDiagramOfPackages(t *testing.T) {
	_, diagram, _ := strings.Cut(read(t, top+"/docs/architecture.md"), "flowchart TD\n")
	diagram, _, _ = strings.Cut(diagram, "```")
	dirs := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\["([^"<]+)<br>[^"]*"\]`).FindAllStringSubmatch(diagram, -1) {
		dirs[m[1]] = m[2]
	}
	imports := importsOf(t)
	arrows := 0
	for line := range strings.Lines(regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(diagram, "")) {
		from, to, found := strings.Cut(line, "-->")
		if !found {
			continue
		}
		for name := range strings.SplitSeq(to, "&") {
			arrows++
			a, b := dirs[strings.TrimSpace(from)], dirs[strings.TrimSpace(name)]
			if a == "" || b == "" {
				t.Errorf("%q names a package that the diagram does not define", line)
			} else if !imports[a][b] {
				t.Errorf("the diagram shows that %s imports %s, which it does not", a, b)
			}
		}
	}
	if arrows < 20 {
		t.Errorf("found only %d arrows", arrows)
	}
}

// importsOf returns the imports within the module. Those of a package include those of
// the packages below it.
func importsOf(t *testing.T) map[string]map[string]bool {
	t.Helper()
	out := map[string]map[string]bool{}
	files, _ := parse(t)
	for _, f := range files {
		for dir := f.dir; ; {
			if out[dir] == nil {
				out[dir] = map[string]bool{}
			}
			for _, spec := range f.syntax.Imports {
				path, _ := strconv.Unquote(spec.Path.Value)
				if own, ok := strings.CutPrefix(path, module); ok {
					out[dir][own] = true
				}
			}
			at := strings.LastIndexByte(dir, '/')
			if at < 0 {
				break
			}
			dir = dir[:at]
		}
	}
	return out
}
