package source

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/internal/routing"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// listing gathers what a walk finds, so that all that is refused is refused
// together.
type listing struct {
	kvsync.Listing
	refused []kvsync.Problem
	// names gives each file's name in the source, by pathname: normalization
	// may make two names one.
	names map[string][]string
}

func newListing() *listing { return &listing{names: map[string][]string{}} }

func (l *listing) refuse(rel string, p problem) {
	if p != (problem{}) {
		l.refused = append(l.refused, kvsync.Problem{Path: strings.ToValidUTF8(rel, "\ufffd"), Reason: p.reason, Fix: p.fix})
	}
}

func (l *listing) notice(rel, reason, fix string) {
	l.Notices = append(l.Notices, kvsync.Problem{Path: rel, Reason: reason, Fix: fix})
}

// pathname is where a file is served.
func pathname(rel string) string { return "/" + norm.NFC.String(rel) }

// add lists a file under its name in the source.
func (l *listing) add(rel string, f kvsync.File) {
	l.names[f.Path] = append(l.names[f.Path], rel)
	l.Files = append(l.Files, f)
}

// configure compiles _redirects and _headers; a nil text is a file that is not
// there.
func (l *listing) configure(redirects, headers []byte, htmlHandling string) {
	var bad []kvsync.Problem
	if redirects != nil {
		l.Redirects, bad = routing.ParseRedirects(redirectsName, redirects, htmlHandling)
		l.refused = append(l.refused, bad...)
	}
	if headers != nil {
		l.Headers, bad = routing.ParseHeaders(headersName, headers)
		l.refused = append(l.refused, bad...)
	}
}

// setPulled reads which run-time writes are in the source; a nil text is a file
// that is not there.
func (l *listing) setPulled(text []byte) {
	if text == nil {
		return
	}
	var bad []kvsync.Problem
	l.Pulled, bad = kvsync.ParsePulled(text)
	l.refused = append(l.refused, bad...)
}

// finish checks what only the whole listing shows, sorts it, and returns it or
// everything that is refused.
func (l *listing) finish() (*kvsync.Listing, error) {
	folded := map[string]string{}
	for _, names := range l.names {
		if len(names) > 1 {
			slices.Sort(names)
			for _, name := range names {
				l.refuse(name, problem{"another file is served at the same path, because the names differ only in how letters are composed (Unicode NFC)",
					"rename one of them"})
			}
		}
	}
	slices.SortFunc(l.Files, func(a, b kvsync.File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(l.Dirs, func(a, b kvsync.Dir) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range l.Files {
		lower := strings.ToLower(f.Path)
		if other, ok := folded[lower]; ok && other != f.Path {
			l.notice(f.Path[1:], "the path differs from "+other+" in case only",
				"rename one if that is not meant: some file systems cannot hold both")
		}
		folded[lower] = f.Path
	}
	slices.SortStableFunc(l.Notices, byPath)
	if len(l.refused) > 0 {
		slices.SortStableFunc(l.refused, byPath)
		return nil, &kvsync.RefusedError{Problems: slices.Compact(l.refused)}
	}
	return &l.Listing, nil
}

func byPath(a, b kvsync.Problem) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
}
