package manifest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/finding"
)

// PulledName is the file in a site's folder that lists which run-time writes are in
// git. It is not published.
const PulledName = ".kv-sync-pulled"

const pulledHead = `# Edits made at run time that are in git, written by kv-sync pull. The next
# deploy takes them as its own: what the files hold now is what visitors get.
`

// CasePulledLine is a line that [ParsePulled] cannot read.
const CasePulledLine finding.Case = "the line is not a write and its pathname"

// FormatPulled writes what [ParsePulled] reads. Lines are sorted by pathname, so
// that git can merge pulls of different pages.
func FormatPulled(pulled map[string]Nonce) []byte {
	paths := make([]string, 0, len(pulled))
	for path := range pulled {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var b bytes.Buffer
	b.WriteString(pulledHead)
	for _, path := range paths {
		fmt.Fprintf(&b, "%s %s\n", pulled[path], path)
	}
	return b.Bytes()
}

// ParsePulled reads the file, and returns the nonce of each write by pathname. If a merge
// left two lines for a pathname, the later one counts. That does no harm: the overlay has
// one write at a pathname, and the next pull pulls it if it is not listed.
func ParsePulled(text []byte) (map[string]Nonce, []Problem) {
	pulled := make(map[string]Nonce)
	var bad []Problem
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		s = strings.TrimRight(s, "\r\n")
		if s == "" || s[0] == '#' {
			continue
		}
		nonce, path, _ := strings.Cut(s, " ")
		n, err := ParseNonce(nonce)
		if err != nil || !strings.HasPrefix(path, "/") {
			bad = append(bad, ProblemOf(PulledName, CasePulledLine, finding.Facts{}))
			bad[len(bad)-1].Line = line
			continue
		}
		pulled[path] = n
	}
	return pulled, bad
}
