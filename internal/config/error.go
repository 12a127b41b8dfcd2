package config

import (
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Error lists everything in the configuration that has to be corrected.
type Error struct{ Problems []manifest.Problem }

// Error lists the problems, one per line.
func (e *Error) Error() string {
	lines := []string{"the configuration is invalid; nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}
