package structure

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// Each arrow of the diagrams of packages in docs/architecture.md is an import, and each package of
// sync but the smallest is in the second one.
func TestDiagramsOfPackages(t *testing.T) {
	diagrams := strings.Split(read(t, top+"/docs/architecture.md"), "flowchart TD\n")[1:]
	if len(diagrams) != 2 {
		t.Fatalf("found %d diagrams", len(diagrams))
	}
	imports := importsOf(t)
	checkArrows(t, imports, diagrams[0], 20)
	drawn := checkArrows(t, imports, diagrams[1], 20)
	drawn["sync/humanize"], drawn["sync/wait"] = true, true
	for dir := range imports {
		if (dir == "sync" || strings.HasPrefix(dir, "sync/")) && !drawn[dir] {
			t.Errorf("the diagram lacks %s", dir)
		}
	}
}

// checkArrows checks that each arrow is an import, and that there are at least a number of arrows.
// It returns the packages that the diagram defines.
func checkArrows(t *testing.T, imports map[string]map[string]bool, diagram string, atLeast int) map[string]bool {
	t.Helper()
	diagram, _, _ = strings.Cut(diagram, "```")
	dirs := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)\["([^"<]+)<br>[^"]*"\]`).FindAllStringSubmatch(diagram, -1) {
		dirs[m[1]] = m[2]
	}
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
				t.Errorf("the diagram has an arrow from %s to %s, but there is no such import", a, b)
			}
		}
	}
	if arrows < atLeast {
		t.Errorf("found only %d arrows", arrows)
	}
	drawn := map[string]bool{}
	for _, dir := range dirs {
		drawn[dir] = true
	}
	return drawn
}

// importsOf returns the imports between folders of the module. A folder has the imports of all
// its subfolders, and an import of a folder is also one of each parent folder.
func importsOf(t *testing.T) map[string]map[string]bool {
	t.Helper()
	out := map[string]map[string]bool{}
	files, _ := parse(t)
	for _, f := range files {
		for _, spec := range f.syntax.Imports {
			to, own := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
			if !own {
				continue
			}
			for from := f.dir; from != "."; from = path.Dir(from) {
				if out[from] == nil {
					out[from] = map[string]bool{}
				}
				for above := to; above != "."; above = path.Dir(above) {
					out[from][above] = true
				}
			}
		}
	}
	return out
}
