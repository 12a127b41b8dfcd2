package manifest

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Problem is something that a person should know or fix. It concerns one path, or the
// whole run if the path is "".
type Problem struct {
	// Path is relative to the source's root, or to the repository for
	// configuration files.
	Path string `json:"path"`
	// Line counts from 1; 0 if the problem is not about a line.
	Line int `json:"line,omitempty"`
	// Reason says what is wrong; Fix what to do.
	Reason string `json:"reason"`
	Fix    string `json:"fix,omitempty"`
	// Finding is set if the engine found the problem. Then Reason is its text, and Fix
	// is "".
	Finding *finding.Finding `json:"-"`
}

// ProblemOf returns a finding about a path.
func ProblemOf(path string, c finding.Case, facts finding.Facts) Problem {
	f := finding.New(c, facts)
	return Problem{Path: path, Reason: f.Error(), Finding: f}
}

// String returns "path:line: reason; fix".
func (p Problem) String() string {
	s := p.Reason
	switch {
	case p.Line > 0:
		s = fmt.Sprintf("%s:%d: %s", p.Path, p.Line, s)
	case p.Path != "":
		s = p.Path + ": " + s
	}
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// RefusedError lists the paths that must not be published, in path order. The run has
// sent nothing.
type RefusedError struct{ Problems []Problem }

// Files returns the number of files that have a problem. One file can have several.
func (e *RefusedError) Files() int {
	paths := map[string]bool{}
	for _, p := range e.Problems {
		paths[p.Path] = true
	}
	return len(paths)
}

// Error lists the problems, a line each.
func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused, nothing was sent:", humanize.Count(e.Files(), "file"))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}
