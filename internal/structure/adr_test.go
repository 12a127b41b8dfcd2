package structure

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each decision record has the required sections, and docs/adr/README.md lists it.
func TestDecisionRecords(t *testing.T) {
	index := read(t, top+"/docs/adr/README.md")
	for _, name := range glob(t, top+"/docs/adr/0*.md") {
		base := filepath.Base(name)
		number := strings.TrimLeft(base[:4], "0")
		form := `(?s)^# ` + number + `\. ([^\n]+)\n\n` +
			`Status: (accepted|superseded by [^\n]*) · Date: (\d{4}-\d\d-\d\d)\n\n` +
			`## Context\n.*\n## Decision\n.*\n## Consequences\n`
		m := regexp.MustCompile(form).FindStringSubmatch(read(t, name))
		if m == nil {
			t.Errorf("%s does not have the form in docs/adr/README.md", base)
			continue
		}
		row := "| " + number + " | [" + m[1] + "](" + base + ") | " + m[3] + " |\n"
		if !strings.Contains(index, row) {
			t.Errorf("docs/adr/README.md lacks the row %s", row)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return names
}
