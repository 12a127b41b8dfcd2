package parts

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Reader reads the values of parts. It passes each value with the index of its reference to decode,
// which is safe for concurrent use and returns an error for a wrong value.
type Reader func(refs []manifest.Ref, decode func(i int, value []byte) error) error

// Tree is a manifest in parts, of which some may not have been read.
type Tree struct {
	root *Root
	read Reader
	// parts has the entries of each link, nil for a part that was not read. differences has those
	// of each difference.
	parts       [len(kinds)][][]entry
	differences [len(kinds)][]entry
}

// Open returns a tree of which no part was read.
func Open(r *Root, read Reader) (*Tree, error) {
	t := &Tree{root: r, read: read}
	for i, kind := range kinds {
		s := r.sequences[i]
		t.parts[i] = make([][]entry, len(s.links))
		if s.difference == nil {
			continue
		}
		var err error
		if t.differences[i], _, err = decodePart(s.difference, kind); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// ReadAll reads all parts.
func (t *Tree) ReadAll() error { return t.need(func(int, int) bool { return true }) }

// ReadSmall reads the parts of everything but the files.
func (t *Tree) ReadSmall() error { return t.need(func(i, _ int) bool { return kinds[i] != Files }) }

// ReadUnlike reads the parts of two trees in which the files differ. The files that were not read are the
// same in both.
func ReadUnlike(a, b *Tree) error {
	inA, inB := a.unlike(b), b.unlike(a)
	if err := a.need(inA); err != nil {
		return err
	}
	return b.need(inB)
}

// unlike returns whether a part has files that o may not have.
func (t *Tree) unlike(o *Tree) func(i, at int) bool {
	shared := make(map[manifest.Ref]bool)
	for _, l := range o.root.sequences[0].links {
		shared[l.ref] = true
	}
	changed := make(map[int]bool)
	for _, e := range slices.Concat(t.differences[0], o.differences[0]) {
		changed[t.at(0, e.Path)] = true
	}
	return func(i, at int) bool {
		return kinds[i] == Files && (changed[at] || !shared[t.root.sequences[0].links[at].ref])
	}
}

// ReadFiles reads the parts that may have files of the directories.
func (t *Tree) ReadFiles(dirs []string) error {
	dirs = slices.Clone(dirs)
	for i, d := range dirs {
		dirs[i] = before(d)
	}
	slices.SortFunc(dirs, compare)
	return t.need(func(i, n int) bool {
		if kinds[i] != Files {
			return false
		}
		s := t.span(i, n)
		// The last directory that begins before the part ends may reach into it.
		at, _ := slices.BinarySearchFunc(dirs, s, func(d string, s span) int {
			if s.last || compare(d, s.end) < 0 {
				return -1
			}
			return 1
		})
		return at > 0 && compare(before(directory(s.first)), dirs[at-1]) <= 0
	})
}

// before returns a path that is before those of all files of a directory, and after those of all
// directories before it.
func before(dir string) string { return strings.TrimSuffix(dir, "/") + "/" }

// span are the paths that can only be in one part: from first to before end.
type span struct {
	first, end string
	last       bool // there is no end
}

// span returns the span of a part.
func (t *Tree) span(i, at int) span {
	links := t.root.sequences[i].links
	if at+1 == len(links) {
		return span{first: links[at].first, last: true}
	}
	return span{first: links[at].first, end: links[at+1].first}
}

// need reads the parts for which wanted is true and which were not read yet.
func (t *Tree) need(wanted func(i, at int) bool) error {
	type place struct{ i, at int }
	var refs []manifest.Ref
	var places []place
	for i := range t.parts {
		for at := range t.parts[i] {
			if t.parts[i][at] == nil && wanted(i, at) {
				refs = append(refs, t.root.sequences[i].links[at].ref)
				places = append(places, place{i, at})
			}
		}
	}
	if len(refs) == 0 {
		return t.check()
	}
	err := t.read(refs, func(n int, value []byte) (err error) {
		p := places[n]
		t.parts[p.i][p.at], err = t.root.sequences[p.i].links[p.at].open(kinds[p.i], t.span(p.i, p.at), value)
		return err
	})
	if err != nil {
		return err
	}
	return t.check()
}

// open decodes the part of a link.
func (l link) open(kind Kind, s span, value []byte) ([]entry, error) {
	entries, hash, err := decodePart(value, kind)
	switch {
	case errors.Is(err, manifest.ErrNewer):
		return nil, fmt.Errorf("part %s: %w", l.ref, err)
	case err != nil:
		return nil, fmt.Errorf("part %s: %w: %w", l.ref, manifest.ErrDamaged, err)
	case hash != l.ref.Hash || len(entries) != l.count || l.count == 0 || entries[0].Path != l.first:
		return nil, fmt.Errorf("part %s: %w", l.ref, manifest.ErrDamaged)
	case slices.ContainsFunc(entries, func(e entry) bool { return e.gone }):
		return nil, fmt.Errorf("part %s: %w: it has an entry that is gone", l.ref, manifest.ErrDamaged)
	case !s.last && compare(entries[len(entries)-1].Path, s.end) >= 0:
		return nil, fmt.Errorf("part %s: %w: it overlaps the next one", l.ref, manifest.ErrDamaged)
	}
	return entries, nil
}

// check returns an error if a sequence that was read has another number of entries than its root says.
func (t *Tree) check() error {
	for i := range kinds {
		if t.unread(i) {
			continue
		}
		if n := len(t.entries(i)); n != t.root.sequences[i].count {
			return fmt.Errorf("decode manifest: %w: it has %d %s, and its root says %d", manifest.ErrDamaged, n, kinds[i],
				t.root.sequences[i].count)
		}
	}
	return nil
}

// unread reports whether a part of a sequence was not read.
func (t *Tree) unread(i int) bool {
	return slices.ContainsFunc(t.parts[i], func(part []entry) bool { return part == nil })
}

// at returns the index of the part that can have a path; -1 if it is before all parts.
func (t *Tree) at(i int, path string) int {
	at, found := slices.BinarySearchFunc(t.root.sequences[i].links, path, func(l link, path string) int {
		return compare(l.first, path)
	})
	if found {
		return at
	}
	return at - 1
}

// hidden reports whether a path can only be in a part that was not read.
func (t *Tree) hidden(i int, path string) bool {
	at := t.at(i, path)
	return at >= 0 && t.parts[i][at] == nil
}

// entries are the entries of a sequence, except those that only a part that was not read can have.
func (t *Tree) entries(i int) []entry {
	n := len(t.differences[i])
	for _, part := range t.parts[i] {
		n += len(part)
	}
	all := make([]entry, 0, n)
	difference := t.differences[i]
	add := func(e entry) {
		if !e.gone && !t.hidden(i, e.Path) {
			all = append(all, e)
		}
	}
	for _, part := range t.parts[i] {
		for _, e := range part {
			for len(difference) > 0 && compare(difference[0].Path, e.Path) < 0 {
				add(difference[0])
				difference = difference[1:]
			}
			if len(difference) > 0 && difference[0].Path == e.Path {
				add(difference[0])
				difference = difference[1:]
				continue
			}
			all = append(all, e)
		}
	}
	for _, e := range difference {
		add(e)
	}
	return all
}

// Origin is the origin of the manifest.
func (t *Tree) Origin() manifest.Origin { return t.root.head.Origin.Origin() }

// Directories are the directories whose tree is known, and those that have files. Their order is
// that of the sequence.
func (t *Tree) Directories() (dirs []manifest.Dir) {
	for _, e := range t.entries(1) {
		dirs = append(dirs, manifest.Dir{Path: e.Path, Tree: e.OID})
	}
	return dirs
}

// Manifest returns the manifest. Files in parts that were not read are only counted.
func (t *Tree) Manifest() *manifest.Manifest {
	h := t.root.head
	m := &manifest.Manifest{Site: h.Site, Origin: h.Origin.Origin(), Serving: h.Serving, Routing: h.Routing,
		Redirects: h.Redirects, Headers: h.Headers, Adopted: h.Adopted}
	for _, e := range t.entries(0) {
		m.Assets = append(m.Assets, e.Asset)
	}
	m.Unread = t.root.sequences[0].count - len(m.Assets)
	for _, d := range t.Directories() {
		if d.Tree != "" {
			m.Dirs = append(m.Dirs, d)
		}
	}
	for _, e := range t.entries(2) {
		m.Retired = append(m.Retired, e.retired(h.Number))
	}
	slices.SortFunc(m.Assets, func(a, b manifest.Asset) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Dirs, func(a, b manifest.Dir) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Retired, func(a, b manifest.Retired) int { return strings.Compare(a.Path, b.Path) })
	return m
}
