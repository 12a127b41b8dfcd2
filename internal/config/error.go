package config

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Error lists everything in the configuration that has to be corrected.
type Error struct {
	Problems []manifest.Problem
	// Partial are the settings that could be read, for further checks alone; it may be nil.
	Partial *Settings

	refused []string // the settings whose values were refused
}

// Has reports whether the value of one of these settings was refused.
func (e *Error) Has(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(e.refused, k) })
}

// Error lists the problems, one per line.
func (e *Error) Error() string {
	lines := []string{"the configuration is invalid; nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}
