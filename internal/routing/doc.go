// Package routing reads _redirects and _headers as Cloudflare documents them for Static
// Assets.
//
// It differs from Cloudflare in one point. Cloudflare warns about an invalid line and
// publishes the rest. This package reports each invalid line as a [manifest.Problem], so that a
// typing mistake does not remove a redirect or a security header. It also reports every redirect
// loop. Cloudflare ignores some rules to index.html, which it takes for loops: they are left out with
// a notice.
//
// The paths of rules are percent-encoded and have no dot segments, like the pathname of a
// request's URL after a URL parser has read it.
//
// Sources: https://developers.cloudflare.com/workers/static-assets/redirects/
// and https://developers.cloudflare.com/workers/static-assets/headers/.
package routing

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// placeholder is ":name" in a path or, for headers, in a host.
var placeholder = regexp.MustCompile(`:[A-Za-z]\w*`)

// report collects the problems of one file.
type report struct {
	path     string
	problems []manifest.Problem
}

func (r *report) add(line int, fix, format string, args ...any) {
	r.problems = append(r.problems, manifest.Problem{
		Path: r.path, Line: line, Reason: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// lines splits text and trims each line. If the text is not UTF-8, it reports the first invalid
// line and returns no lines.
func (r *report) lines(text []byte) []string {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			r.add(i+1, "save the file as UTF-8", "the line is not UTF-8 text")
			return nil
		}
		lines[i] = strings.TrimSpace(line)
	}
	return lines
}

func isComment(line string) bool { return line == "" || line[0] == '#' }

// dynamic reports whether a pattern has a splat or a placeholder.
func dynamic(pattern string) bool {
	return strings.Contains(pattern, "*") || placeholder.MatchString(pattern)
}

// checkPattern adds a problem and returns false for a pattern that cannot match any request, or
// that uses a name twice.
func (r *report) checkPattern(line int, pattern string) bool {
	if strings.Count(pattern, "*") > 1 {
		r.add(line, `keep one "*"`, "%q has more than one splat", pattern)
		return false
	}
	seen := map[string]bool{":splat": strings.Contains(pattern, "*")}
	for _, name := range placeholder.FindAllString(pattern, -1) {
		if seen[name] {
			r.add(line, "give each placeholder its own name", "%q uses %s twice", pattern, name)
			return false
		}
		seen[name] = true
	}
	if strings.Contains(pattern, `\`) {
		r.add(line, `use "/"`, "%q has a backslash, which no request's path has", pattern)
		return false
	}
	return true
}
