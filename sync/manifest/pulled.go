package manifest

import (
	"bytes"
	"fmt"
	"maps"
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

// Pulled are the run-time writes that are in a source: the content of the file
// [PulledName].
type Pulled struct {
	// Writes are the nonces, by pathname.
	Writes map[string]Nonce
	// Contents tell what the source had at a pathname when the write was recorded: a
	// [ContentMark], or "" for no file. They are for an uncommitted record, which stays when
	// somebody discards the files.
	Contents map[string]string
}

// ContentMark returns the mark of a content in the record.
func ContentMark(h Hash) string { return h.String()[:markDigits] }

const markDigits = 16

// CasePulledLine is a line that [ParsePulled] cannot read.
const CasePulledLine finding.Case = "the line is not a write and its pathname"

// FormatPulled writes what [ParsePulled] reads. Lines are sorted by pathname, so
// that git can merge pulls of different pages.
func FormatPulled(pulled Pulled) []byte {
	var b bytes.Buffer
	b.WriteString(pulledHead)
	for _, path := range slices.Sorted(maps.Keys(pulled.Writes)) {
		mark := pulled.Contents[path]
		if mark != "" {
			mark += " "
		}
		fmt.Fprintf(&b, "%s %s%s\n", pulled.Writes[path], mark, path)
	}
	return b.Bytes()
}

// ParsePulled reads the file. If a merge left two lines for a pathname, the later one
// counts. That does no harm: the overlay has one write at a pathname, and the next pull
// pulls it if it is not listed.
func ParsePulled(text []byte) (Pulled, []Problem) {
	pulled := Pulled{Writes: make(map[string]Nonce), Contents: make(map[string]string)}
	var bad []Problem
	line := 0
	for s := range strings.Lines(string(text)) {
		line++
		s = strings.TrimRight(s, "\r\n")
		if s == "" || s[0] == '#' {
			continue
		}
		nonce, path, _ := strings.Cut(s, " ")
		mark := ""
		if !strings.HasPrefix(path, "/") {
			mark, path, _ = strings.Cut(path, " ")
		}
		n, err := ParseNonce(nonce)
		if err != nil || !strings.HasPrefix(path, "/") || mark != "" && len(mark) != markDigits {
			bad = append(bad, ProblemOf(PulledName, CasePulledLine, finding.Facts{}))
			bad[len(bad)-1].Line = line
			continue
		}
		pulled.Writes[path] = n
		pulled.Contents[path] = mark
	}
	return pulled, bad
}
