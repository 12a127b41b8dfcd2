package manifest

import "strings"

// Routing says which requests a version's code gets before the site's files. Code
// that gets the requests of a file can control access to it. Such a file must not stay
// reachable after it was removed.
//
// A request that matches no pattern is answered from the files, which are public. The
// zero Routing is that of a version without code.
//
// A nil *Routing is unknown, as in a manifest that an older kv-sync wrote.
type Routing struct {
	// Worker are patterns of pathnames that go to the code even if the site has a
	// file there. "*" matches any text. For code that gets every request it is
	// [EveryRequest] alone.
	Worker []string `json:"worker,omitempty"`
	// Site are patterns of pathnames that only the files answer. They take precedence
	// over those of Worker.
	Site []string `json:"site,omitempty"`
	// Retire are patterns of files that the author declares public although the code
	// gets their requests.
	Retire []string `json:"retire,omitempty"`
}

// EveryRequest is the pattern of code that gets every request.
const EveryRequest = "*"

// Guards reports whether code decides who may read the file at an [Asset]'s path. An
// unknown routing guards every file.
//
// A file is guarded if the code gets a request for any pathname at which some value
// of html_handling serves the file.
func (r *Routing) Guards(path string) bool {
	if r == nil {
		return true
	}
	if len(r.Worker) == 0 || anyGlob(r.Retire, path) {
		return false
	}
	for _, pathname := range servedPathnames(path) {
		if encoded := EncodePathname(pathname); !anyGlob(r.Site, encoded) && anyGlob(r.Worker, encoded) {
			return true
		}
	}
	return false
}

// servedPathnames lists the pathnames at which some html_handling serves a file.
// Every other spelling is redirected to one of these.
func servedPathnames(path string) []string {
	stem, isHTML := strings.CutSuffix(path, ".html")
	if !isHTML {
		return []string{path}
	}
	if folder, isIndex := strings.CutSuffix(stem, "/index"); isIndex {
		stem = folder
	}
	return []string{path, stem, stem + "/"}
}

// anyGlob reports whether one of the patterns matches the whole text.
func anyGlob(patterns []string, text string) bool {
	for _, pattern := range patterns {
		if glob(pattern, text) {
			return true
		}
	}
	return false
}

// glob reports whether a pattern, in which "*" matches any text, matches the whole
// text. worker/src/rules/glob.ts does the same.
func glob(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return text == first
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], after
	}
}

// EncodePathname returns the canonical encoding of a pathname. The patterns of a [Routing]
// are matched against it. worker/src/rules/pathname.ts does the same.
func EncodePathname(pathname string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(pathname) {
		switch c := pathname[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.!~*'()/", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
