package term

import (
	"strings"

	"github.com/kv-sync/kv-sync/internal/printable"
)

// Visible is [printable.Text].
func Visible(s string) string { return printable.Text(s) }

// Lines is [Visible] for a text of several lines. It keeps the line breaks.
func Lines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = Visible(l)
	}
	return strings.Join(lines, "\n")
}

// minute is the format of local times.
const minute = "2006-01-02 15:04"
