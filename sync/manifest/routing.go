package manifest

import "strings"

// Routing says which requests a version's code gets before the site answers
// them. Code that gets a request decides about access to what is served there,
// so it decides which files may stay reachable after they were removed.
//
// The site answers first where no pattern says otherwise: what it has is public,
// whatever the code does. The zero Routing is that of a version without code.
//
// A nil *Routing is unknown, as in a manifest that an older kv-sync wrote.
type Routing struct {
	// Worker are patterns of pathnames that go to the code whatever the site has
	// there. "*" stands for any text. Code that gets every request has
	// [EveryRequest] alone.
	Worker []string `json:"worker,omitempty"`
	// Site are patterns of pathnames that the site alone answers. They come before
	// those of Worker.
	Site []string `json:"site,omitempty"`
	// Retire are patterns of files that everyone may read although the code gets
	// their requests: the author says so.
	Retire []string `json:"retire,omitempty"`
}

// EveryRequest is the pattern of code that gets every request.
const EveryRequest = "*"

// Guards reports whether code decides who may read the file at a path, which is
// as in [Asset]. An unknown routing guards every file.
//
// A file is guarded if the code gets a request for any pathname that
// html_handling, whatever it is set to, may serve the file at.
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

// glob reports whether a pattern, in which "*" stands for any text, matches the
// whole text. worker/src/rules/glob.ts is the same.
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

// EncodePathname is the one spelling under which a pathname is served, with which
// patterns of a [Routing] are compared. worker/src/rules/pathname.ts is the same.
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
