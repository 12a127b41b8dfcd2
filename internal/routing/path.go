package routing

import (
	"regexp"
	"strings"
)

var absolute = regexp.MustCompile(`^https://+([^/]+)/?(.*)`)

// split splits an absolute https URL into host and rest. host is "" for any other text.
func split(s string) (host, rest string) {
	if m := absolute.FindStringSubmatch(s); m != nil {
		return m[1], m[2]
	}
	return "", s
}

// normalize returns the path, the query and the fragment of a URL as a URL parser would. The path
// is percent-encoded, has a leading slash, and has no dot segments. A query that is not empty
// includes "?", and a fragment "#".
func normalize(s string) (path, query, fragment string) {
	if i := strings.IndexByte(s, '#'); i >= 0 {
		s, fragment = s[:i], s[i:]
	}
	if i := strings.IndexByte(s, '?'); i >= 0 {
		s, query = s[:i], s[i:]
	}
	if query == "?" {
		query = ""
	}
	if fragment == "#" {
		fragment = ""
	}
	segments := strings.Split(strings.TrimPrefix(s, "/"), "/")
	var kept []string
	for i, segment := range segments {
		last := i == len(segments)-1
		switch dots(segment) {
		case 1:
			if last {
				kept = append(kept, "")
			}
		case 2:
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, encode(segment, "\"<>`{}"))
		}
	}
	return "/" + strings.Join(kept, "/"), encode(query, "\"<>"), encode(fragment, "\"<>`")
}

// dots returns 1 for a segment ".", 2 for "..", and 0 for others. The dots may be
// percent-encoded.
func dots(segment string) int {
	if len(segment) > 6 {
		return 0
	}
	switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
	case ".":
		return 1
	case "..":
		return 2
	}
	return 0
}

// encode percent-encodes control characters, spaces, non-ASCII bytes, and the bytes in also. It
// does not change encoded parts.
func encode(s, also string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(also, c) >= 0 {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
