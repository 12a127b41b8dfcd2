package manifest

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Problem is something about one path that a person should know or fix.
type Problem struct {
	// Path is relative to the source's root, or to the repository for
	// configuration files.
	Path string `json:"path"`
	// Line counts from 1; 0 if the problem is not about a line.
	Line int `json:"line,omitempty"`
	// Reason says what is wrong; Fix what to do.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
}

// String returns "path:line: reason; fix".
func (p Problem) String() string {
	s := p.Path
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	s += ": " + p.Reason
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// RefusedError lists every path that must not be published, in path order.
// Nothing was sent.
type RefusedError struct{ Problems []Problem }

// Error lists the problems, a line each.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused, nothing was sent:", humanize.Count(len(e.Problems), "file"))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}
