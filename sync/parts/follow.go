package parts

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// size is how many entries a part has. About one path in mean begins a part.
type size struct{ min, mean, max int }

// sizes are the sizes of the parts of each kind. A part of files has about 50 KB, which a Worker reads
// for the first page of a directory. Parts of directories are read by deploys only.
var sizes = [len(kinds)]size{{128, 512, 2048}, {512, 2048, 8192}, {128, 512, 2048}}

// maxPath is the most bytes of a path that a source lists.
const maxPath = 1024

// The most bytes of all differences of a root, and the most without a compact root beside it.
const (
	maxDifference     = 64 << 10
	compactDifference = maxDifference / 2
)

// Encoded is a manifest in parts, to be written.
type Encoded struct {
	// Root is the root of the deployment.
	Root []byte
	// Next is a second root of the same manifest, without differences; nil if none is due. A later
	// deployment begins with it.
	Next []byte
	// Parts are the parts that the base does not have, by reference.
	Parts map[manifest.Ref][]byte
}

// Follow encodes a manifest that replaces the one of base, which may be nil. If m has unread files,
// they are those of base. nonce is that of the run.
func Follow(base *Tree, m *manifest.Manifest, nonce manifest.Nonce) (*Encoded, error) {
	number := uint32(1)
	if base == nil {
		base = &Tree{root: &Root{}}
	} else {
		number = base.root.head.Number + 1
	}
	out := &Encoded{Parts: make(map[manifest.Ref][]byte)}
	t := base.follow(m, number)
	size, err := t.encodeDifferences()
	if err != nil {
		return nil, err
	}
	if size <= maxDifference {
		if out.Root, err = t.root.encode(); err != nil || size <= compactDifference {
			return out, err
		}
	}
	compact, err := t.compact(nonce, out.Parts)
	if err != nil {
		return nil, err
	}
	b, err := compact.encode()
	if out.Root == nil {
		out.Root = b
	} else {
		out.Next = b
	}
	return out, err
}

// follow returns the tree of a manifest with the parts of t.
func (t *Tree) follow(m *manifest.Manifest, number uint32) *Tree {
	next := &Tree{root: &Root{head: headOf(m, number)}, read: t.read, parts: t.parts}
	for i, now := range entriesOf(m, number) {
		next.root.sequences[i] = sequence{links: t.root.sequences[i].links, count: len(now)}
		next.differences[i] = t.difference(i, now)
	}
	next.root.sequences[0].count += m.Unread
	return next
}

// mostDiffering is a number of entries whose difference does not fit into a root.
const mostDiffering = maxDifference / (4 + recordBytes)

// encodeDifferences puts the differences into the root, and returns their length in bytes. It encodes
// none if they are too large, or if there are no parts.
func (t *Tree) encodeDifferences() (size int, err error) {
	if n := len(t.differences[0]) + len(t.differences[2]); n > mostDiffering || len(t.root.Refs()) == 0 {
		return maxDifference + 1, nil
	}
	for i, kind := range kinds {
		s := &t.root.sequences[i]
		if len(t.differences[i]) > 0 {
			if s.difference, _, err = encodePart(kind, t.differences[i]); err != nil {
				return 0, err
			}
		}
		size += len(s.difference)
	}
	return size, nil
}

func headOf(m *manifest.Manifest, number uint32) head {
	return head{Site: m.Site, Serving: m.Serving, Origin: m.Origin.Stored(), Routing: m.Routing,
		Redirects: m.Redirects, Headers: m.Headers, Adopted: m.Adopted, Number: number}
}

// difference returns the entries that make now from those of the parts. For parts that were not read,
// these are the ones of the present difference.
func (t *Tree) difference(i int, now []entry) (d []entry) {
	for _, part := range t.parts[i] {
		for at := range part {
			for len(now) > 0 && compare(now[0].Path, part[at].Path) < 0 {
				d, now = append(d, now[0]), now[1:]
			}
			switch {
			case len(now) == 0 || now[0].Path != part[at].Path:
				d = append(d, entry{Asset: manifest.Asset{Path: part[at].Path}, gone: true})
				continue
			case now[0] != part[at]:
				d = append(d, now[0])
			}
			now = now[1:]
		}
	}
	d = append(d, now...)
	changed := len(d)
	for _, e := range t.differences[i] {
		_, found := slices.BinarySearchFunc(d[:changed], e.Path, comparePath)
		if !found && t.hidden(i, e.Path) {
			d = append(d, e)
		}
	}
	sortEntries(d)
	return d
}

// compact returns a root of the same manifest without differences. It reads the parts that the
// differences change, and adds the parts that t does not have to written.
func (t *Tree) compact(nonce manifest.Nonce, written map[manifest.Ref][]byte) (*Root, error) {
	changed := t.changed()
	if err := t.need(func(i, at int) bool { return changed[i][at] }); err != nil {
		return nil, err
	}
	out := &Root{head: t.root.head}
	for i := range kinds {
		links, err := t.cut(i, nonce, written)
		if err != nil {
			return nil, fmt.Errorf("the %s: %w", kinds[i], err)
		}
		out.sequences[i] = sequence{links: links, count: t.root.sequences[i].count}
	}
	return out, nil
}

// changed returns which parts the differences change, by sequence and index.
func (t *Tree) changed() (changed [len(kinds)]map[int]bool) {
	for i, difference := range t.differences {
		changed[i] = make(map[int]bool)
		for _, e := range difference {
			changed[i][t.at(i, e.Path)] = true
		}
	}
	return changed
}

// cut divides the entries of sequence i into parts. A part that was not read stays.
func (t *Tree) cut(i int, nonce manifest.Nonce, written map[manifest.Ref][]byte) (links []link, err error) {
	all := t.entries(i)
	divide := func(some []entry) error {
		for len(some) > 0 {
			n := sizes[i].end(some)
			l, b, err := t.link(i, some[:n], nonce)
			if err != nil {
				return err
			}
			if b != nil {
				written[l.ref] = b
			}
			links, some = append(links, l), some[n:]
		}
		return nil
	}
	for at, l := range t.root.sequences[i].links {
		if t.parts[i][at] != nil {
			continue
		}
		n, _ := slices.BinarySearchFunc(all, l.first, comparePath)
		if err := divide(all[:n]); err != nil {
			return nil, err
		}
		links, all = append(links, l), all[n:]
	}
	return links, divide(all)
}

// link returns the link of a part. b is nil if t has the part.
func (t *Tree) link(i int, entries []entry, nonce manifest.Nonce) (l link, b []byte, err error) {
	first := entries[0].Path
	if at := t.at(i, first); at >= 0 && slices.Equal(t.parts[i][at], entries) {
		return t.root.sequences[i].links[at], nil, nil
	}
	b, hash, err := encodePart(kinds[i], entries)
	return link{first, len(entries), manifest.Ref{Hash: hash, Nonce: nonce}}, b, err
}

// end returns how many of the entries are the first part. Where a part ends depends only on the
// paths, so a change far away does not move it.
func (s size) end(all []entry) int {
	for n := s.min; n < min(len(all), s.max); n++ {
		h := fnv.New32a()
		_, _ = h.Write([]byte(all[n].Path)) // writing to a hash never fails
		if h.Sum32()%uint32(s.mean) == 0 {
			return n
		}
	}
	return min(len(all), s.max)
}

func sortEntries(list []entry) {
	slices.SortFunc(list, func(a, b entry) int { return compare(a.Path, b.Path) })
}

func comparePath(e entry, path string) int { return compare(e.Path, path) }

// Bound returns an upper bound of the length of a root of the manifest. It encodes no entry.
func Bound(m *manifest.Manifest) int {
	perEntry := (linkBytes + maxPath) / sizes[0].min
	meta, _ := manifest.EncodeJSON(headOf(m, 0)) // strings and numbers always encode
	return rootHeader + len(meta) + maxDifference + (perEntry+1)*(m.Len()+len(m.Dirs)+len(m.Retired)+sizes[0].min)
}

// Count returns how many parts a manifest has without a base.
func Count(m *manifest.Manifest) (n int) {
	for i, all := range entriesOf(m, 0) {
		for len(all) > 0 {
			all = all[sizes[i].end(all):]
			n++
		}
	}
	return n
}
