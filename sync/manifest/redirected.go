package manifest

import (
	"regexp"
	"strings"
)

// placeholder matches a placeholder of a _redirects pattern. A placeholder matches one
// segment.
var placeholder = regexp.MustCompile(`:[A-Za-z]\w*`)

// MatchPattern returns a regular expression for the source of a redirect without a host.
// It matches encoded pathnames, in linear time.
func MatchPattern(from string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`\A`)
	for at := 0; at < len(from); {
		name := placeholder.FindStringIndex(from[at:])
		switch {
		case from[at] == '*':
			b.WriteString(`.*`)
			at++
		case name != nil && name[0] == 0:
			b.WriteString(`[^/]+`)
			at += name[1]
		default:
			b.WriteString(regexp.QuoteMeta(from[at : at+1]))
			at++
		}
	}
	return regexp.MustCompile(b.String() + `\z`) // every literal is quoted
}

// Redirected returns a function that reports whether a redirect answers at the
// pathname of a file, so that visitors cannot read the file. Redirects of single
// hosts do not count. worker/src/rules/redirected.ts does the same.
func (m *Manifest) Redirected() func(path string) bool {
	static := make(map[string]bool)
	var dynamic []*regexp.Regexp
	for _, r := range m.Redirects {
		switch {
		case !strings.HasPrefix(r.From, "/"): // of a host
		case strings.Contains(r.From, "*") || placeholder.MatchString(r.From):
			dynamic = append(dynamic, MatchPattern(r.From))
		default:
			static[r.From] = true
		}
	}
	return func(path string) bool {
		pathname := EncodePathname(m.Serving.pathnameOf(path))
		if static[pathname] {
			return true
		}
		for _, d := range dynamic {
			if d.MatchString(pathname) {
				return true
			}
		}
		return false
	}
}

// pathnameOf returns the pathname at which a file is served, not encoded. Unlike
// worker/src/rules/html.ts it does not consider which other files exist.
func (s Serving) pathnameOf(path string) string { return PathnameOf(path, s.HTMLHandling) }

// PathnameOf returns the pathname at which a file is served with this html_handling, not
// encoded. It does not consider which other files exist.
func PathnameOf(path, htmlHandling string) string {
	stem, isHTML := strings.CutSuffix(path, ".html")
	if !isHTML || htmlHandling == "none" {
		return path
	}
	if folder, isIndex := strings.CutSuffix(stem, "/index"); isIndex {
		if htmlHandling == "drop-trailing-slash" && folder != "" {
			return folder
		}
		return folder + "/"
	}
	switch {
	case strings.HasSuffix(stem, "/"):
		return path
	case htmlHandling == "force-trailing-slash":
		return stem + "/"
	}
	return stem
}
