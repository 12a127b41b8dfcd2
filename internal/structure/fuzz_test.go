package structure

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The fuzz targets that docs/safety.md names exist, and its totals are those of
// testdata/fuzzing/totals.tsv.
func TestFuzzTargetsInSafety(t *testing.T) {
	_, section, _ := strings.Cut(read(t, top+"/docs/safety.md"), "\n## Fuzzing\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var tests strings.Builder
	for _, name := range find(t, "_test.go") {
		dir := strings.TrimPrefix(name[:strings.LastIndex(name, "/")], top+"/")
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(read(t, name), -1) {
			tests.WriteString(dir + " " + m[1] + "\n")
		}
	}
	named := 0
	for _, m := range regexp.MustCompile("`([\\w/]+)` \\((`Fuzz[^)]*)\\)").FindAllStringSubmatch(section, -1) {
		for target := range strings.SplitSeq(m[2], ", ") {
			named++
			if target = m[1] + " " + strings.Trim(target, "`"); !strings.Contains(tests.String(), target+"\n") {
				t.Errorf("docs/safety.md names %s, which does not exist", target)
			}
		}
	}
	if named < 25 {
		t.Errorf("docs/safety.md names %d targets", named)
	}
	var targets, seconds, runs int
	for line := range strings.Lines(read(t, top+"/testdata/fuzzing/totals.tsv")) {
		fields := strings.Split(line, "\t")
		s, err := strconv.Atoi(fields[1])
		if err != nil {
			continue // the header
		}
		n, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		targets, seconds, runs = targets+1, seconds+s, runs+n
	}
	if want := fmt.Sprintf("%d targets, %d minutes and %d million executions in all", targets, seconds/60,
		runs/1_000_000); !strings.Contains(section, want) {
		t.Errorf("docs/safety.md does not say: %s", want)
	}
}
