package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/internal/routing"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Listing collects the files and problems of a walk, so that all problems are reported together.
type Listing struct {
	manifest.Listing
	refused   []manifest.Problem
	redirects *routing.Redirects // nil without the file
	excluded  map[Selection]manifest.Excluded
}

// NewListing returns an empty listing.
func NewListing() *Listing {
	return &Listing{excluded: map[Selection]manifest.Excluded{}}
}

// Refuse records a problem of a file. The zero problem has no effect.
func (l *Listing) Refuse(rel string, p Problem) {
	if p != (Problem{}) {
		path := strings.ToValidUTF8(rel, "\ufffd")
		l.refused = append(l.refused, manifest.Problem{Path: path, Reason: p.Reason, Fix: p.Fix})
	}
}

// Notice records a notice about a file that is not refused.
func (l *Listing) Notice(rel, reason, fix string) {
	l.Notices = append(l.Notices, manifest.Problem{Path: rel, Reason: reason, Fix: fix})
}

// Exclude counts a path that is not published.
func (l *Listing) Exclude(s Selection, rel string, isDir bool) {
	if s == configures {
		return
	}
	if isDir {
		rel += "/"
	}
	e := l.excluded[s]
	if e.Count == 0 || rel < e.First {
		e.First = rel
	}
	if e.Kind, e.Count = s, e.Count+1; e.Count <= manifest.MostExcluded {
		e.Paths = append(e.Paths, rel)
	}
	l.excluded[s] = e
}

// Pathname returns the pathname at which a file is served: its name as it is spelled.
func Pathname(rel string) string { return "/" + rel }

// Add lists a file.
func (l *Listing) Add(f manifest.File) { l.Files = append(l.Files, f) }

// Configure compiles _redirects and _headers. A nil text means that the file does not exist.
func (l *Listing) Configure(redirects, headers []byte, htmlHandling string) {
	if redirects != nil {
		l.redirects = routing.ParseRedirects(RedirectsFile, redirects, htmlHandling)
		l.Redirects = l.redirects.Rules
		l.refused = append(l.refused, l.redirects.Problems...)
		l.Notices = append(l.Notices, l.redirects.Notices...)
	}
	if headers != nil {
		var bad []manifest.Problem
		l.Headers, bad = routing.ParseHeaders(HeadersFile, headers)
		l.refused = append(l.refused, bad...)
	}
}

// SetPulled reads the file that lists which run-time edits are in the source. A nil text means
// that the file does not exist.
func (l *Listing) SetPulled(text []byte) manifest.Pulled {
	if text == nil {
		return manifest.Pulled{}
	}
	pulled, bad := manifest.ParsePulled(text)
	l.Pulled = pulled.Writes
	l.refused = append(l.refused, bad...)
	return pulled
}

// Finish sorts the listing, checks it as a whole, and returns it. The error is a
// [*manifest.RefusedError] with all recorded problems.
func (l *Listing) Finish() (*manifest.Listing, error) {
	sortFiles(l.Files)
	slices.SortFunc(l.Dirs, func(a, b manifest.Dir) int { return cmp.Compare(a.Path, b.Path) })
	l.refuseSame()
	l.refuseLoops()
	l.noticeAlike()
	slices.SortStableFunc(l.Notices, byPath)
	slices.Sort(l.Ignored)
	l.Excluded = slices.SortedFunc(maps.Values(l.excluded), func(a, b manifest.Excluded) int {
		return cmp.Compare(a.Kind, b.Kind)
	})
	for _, e := range l.Excluded {
		slices.Sort(e.Paths)
	}
	if len(l.refused) > 0 {
		slices.SortStableFunc(l.refused, byPath)
		return nil, &manifest.RefusedError{Problems: slices.Compact(l.refused)}
	}
	return &l.Listing, nil
}

// sortFiles sorts by path. Reused files come first and are in order already, so the others,
// which are few after a small change, are merged in.
func sortFiles(files []manifest.File) {
	order := func(a, b manifest.File) int { return cmp.Compare(a.Path, b.Path) }
	sorted := min(1, len(files))
	for sorted < len(files) && files[sorted-1].Path <= files[sorted].Path {
		sorted++
	}
	rest := slices.Clone(files[sorted:])
	slices.SortFunc(rest, order)
	for at := len(files) - 1; len(rest) > 0; at-- {
		last := len(rest) - 1
		if sorted > 0 && files[sorted-1].Path > rest[last].Path {
			sorted--
			files[at] = files[sorted]
		} else {
			files[at], rest = rest[last], rest[:last]
		}
	}
}

// refuseLoops refuses redirect loops that depend on the files of the site.
func (l *Listing) refuseLoops() {
	if l.redirects == nil || len(l.redirects.Rules) == 0 {
		return
	}
	paths := make([]string, 0, len(l.Files))
	for i := range l.Files {
		paths = append(paths, l.Files[i].Path)
	}
	l.refused = append(l.refused, l.redirects.ServedLoops(paths)...)
}

// refuseSame refuses files with the same pathname, which are neighbours in the sorted list. Only a
// damaged tree has such files.
func (l *Listing) refuseSame() {
	for i := 1; i < len(l.Files); i++ {
		if path := l.Files[i].Path; path == l.Files[i-1].Path {
			l.Refuse(path[1:], Problem{
				"the commit has two entries with this name, which git fsck reports as duplicate entries",
				"remove the file, commit, and add it again"})
		}
	}
}

// noticeAlike adds a notice for paths that differ only in case, or only in how letters are
// composed (Unicode NFC and NFD). It only indexes paths that have a capital or a decomposed
// letter, which are few on most sites: at least one of two such paths has one.
func (l *Listing) noticeAlike() {
	alike := map[string][]string{}
	for i := range l.Files {
		path := l.Files[i].Path
		if folded := strings.ToLower(norm.NFC.String(path)); folded != path {
			alike[folded] = append(alike[folded], path)
		}
	}
	for folded, paths := range alike {
		_, ok := slices.BinarySearchFunc(l.Files, folded, func(f manifest.File, path string) int {
			return cmp.Compare(f.Path, path)
		})
		if ok {
			paths = append(paths, folded)
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
		for i, path := range paths[1:] {
			l.noticePair(paths[i], path)
		}
	}
}

// noticePair adds the notice of a path that is hard to tell from another one.
func (l *Listing) noticePair(other, path string) {
	const fix = "rename one if that is not meant: some file systems cannot hold both"
	if norm.NFC.String(other) == norm.NFC.String(path) {
		l.Notice(path[1:], fmt.Sprintf("the paths %s and %s differ only in how letters are composed (Unicode)",
			manifest.EncodePathname(other), manifest.EncodePathname(path)), fix)
		return
	}
	l.Notice(path[1:], "the path differs from "+other+" in case only", fix)
}

func byPath(a, b manifest.Problem) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
}
