package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/internal/simulation/model"
)

// root is the value of {site}/t/{hash}.{nonce}.
type root struct {
	site, origin string
	overlay      bool
	number       int
	sequences    [3]sequence
}

// sequence has the entries of one kind.
type sequence struct {
	links []link
	// inParts are the entries of the parts, difference those of the difference, and entries what both make.
	inParts, difference, entries []partEntry
}

// link names a part.
type link struct {
	first, ref string
	count      int
}

const (
	rootHeader = 64
	linkBytes  = 48
)

// readRoot reads a root, and no part.
func readRoot(b []byte) (*root, error) {
	if len(b) < rootHeader || !bytes.Equal(b[:4], []byte("KVSR")) {
		return nil, errors.New("no root")
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	if v, flags := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]); v != 1 || flags != 0 {
		return nil, fmt.Errorf("version %d, flags %d", v, flags)
	}
	if u32(12) != len(b) {
		return nil, fmt.Errorf("it has %d bytes, and says %d", len(b), u32(12))
	}
	r, f := &root{}, &fields{left: b[rootHeader:]}
	for i := range r.sequences {
		at := 16 + 16*i
		if err := r.sequences[i].read(f, i+1, u32(at), u32(at+4), u32(at+8)); err != nil {
			return nil, fmt.Errorf("sequence %d: %w", i+1, err)
		}
	}
	var meta struct {
		Site    string
		Overlay bool
		Origin  struct{ ID string }
		Number  int
	}
	if len(f.left) != u32(8) {
		return nil, errors.New("its sections do not fill it")
	}
	if err := json.Unmarshal(f.left, &meta); err != nil {
		return nil, err
	}
	if meta.Number < 1 {
		return nil, fmt.Errorf("its number is %d", meta.Number)
	}
	r.site, r.overlay, r.origin, r.number = meta.Site, meta.Overlay, meta.Origin.ID, meta.Number
	return r, nil
}

// read reads the links and the difference of a sequence.
func (s *sequence) read(f *fields, kind, links, paths, difference int) error {
	table, names := f.take(uint64(linkBytes*links)), f.take(uint64(paths))
	if f.err != nil {
		return f.err
	}
	from := 0
	for i := range links {
		at := table[linkBytes*i:]
		end := int(binary.LittleEndian.Uint32(at))
		if end < from || end > paths {
			return errors.New("a path is out of bounds")
		}
		l := link{string(names[from:end]), hex.EncodeToString(at[8:40]) + "." + hex.EncodeToString(at[40:48]),
			int(binary.LittleEndian.Uint32(at[4:]))}
		if from = end; i > 0 && comparePaths(s.links[i-1].first, l.first) >= 0 {
			return fmt.Errorf("after the part at %q comes that at %q", s.links[i-1].first, l.first)
		}
		s.links = append(s.links, l)
	}
	if from != paths {
		return errors.New("bytes follow its last path")
	}
	if difference == 0 {
		return nil
	}
	p, err := readPart(f.take(uint64(difference)))
	if err == nil && p.kind != kind {
		err = fmt.Errorf("it is one of kind %d", p.kind)
	}
	if err != nil {
		return fmt.Errorf("the difference: %w", errors.Join(f.err, err))
	}
	s.difference = p.entries
	return nil
}

// open reads a root by its name "t/{hash}.{nonce}", and all its parts.
func open(n *model.Namespace, site, name string) (*root, []byte, error) {
	key := site + "/" + name
	b, ok := n.Get(key)
	if !ok {
		return nil, nil, fmt.Errorf("%s is not there", key)
	}
	if !hashes(b, name[2:66]) {
		return nil, nil, fmt.Errorf("%s does not hash to its key", key)
	}
	r, err := readRoot(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", key, err)
	}
	for i := range r.sequences {
		s := &r.sequences[i]
		if err := s.readParts(n, site, i+1); err != nil {
			return nil, nil, err
		}
		if want := int(binary.LittleEndian.Uint32(b[28+16*i:])); len(s.entries) != want {
			return nil, nil, fmt.Errorf("%s: sequence %d has %d entries, and it says %d", key, i+1, len(s.entries), want)
		}
	}
	return r, b, r.checkDirectories()
}

// readParts reads the parts of a sequence, and applies its difference.
func (s *sequence) readParts(n *model.Namespace, site string, kind int) error {
	for _, l := range s.links {
		key := site + "/p/" + l.ref
		b, ok := n.Get(key)
		if !ok {
			return fmt.Errorf("%s is not there", key)
		}
		p, err := readPart(b)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", key, err)
		case p.hash != l.ref[:64]:
			return fmt.Errorf("%s does not hash to its key", key)
		case p.kind != kind || len(p.entries) != l.count || l.count == 0 || p.entries[0].path != l.first:
			return fmt.Errorf("%s is not the part of its link", key)
		case slices.ContainsFunc(p.entries, func(e partEntry) bool { return e.gone }):
			return fmt.Errorf("%s has an entry that is gone", key)
		}
		if at := len(s.inParts); at > 0 && comparePaths(s.inParts[at-1].path, l.first) >= 0 {
			return fmt.Errorf("%s overlaps the part before it", key)
		}
		s.inParts = append(s.inParts, p.entries...)
	}
	s.entries = slices.Clone(s.inParts)
	for _, e := range s.difference {
		at, found := slices.BinarySearchFunc(s.entries, e.path, func(e partEntry, path string) int {
			return comparePaths(e.path, path)
		})
		switch {
		case e.gone && !found:
			return fmt.Errorf("the difference says that %s is gone, and no part has it", e.path)
		case e.gone:
			s.entries = slices.Delete(s.entries, at, at+1)
		case found:
			s.entries[at] = e
		default:
			s.entries = slices.Insert(s.entries, at, e)
		}
	}
	return nil
}

// checkDirectories checks that each file's directory is in the sequence of directories.
func (r *root) checkDirectories() error {
	known := make(map[string]bool)
	for _, e := range r.sequences[1].entries {
		known[e.path] = true
	}
	for _, e := range r.sequences[0].entries {
		if d := directoryOf(e.path); !known[d] {
			return fmt.Errorf("%s is in %s, which is not one of its directories", e.path, d)
		}
	}
	return nil
}

// keys are those of the root's parts.
func (r *root) keys(site string) (all []string) {
	for _, s := range r.sequences {
		for _, l := range s.links {
			all = append(all, site+"/p/"+l.ref)
		}
	}
	return all
}

// partOf returns the key of the part in which a path is looked up; "" if the difference has it, or no
// part can have it.
func (s *sequence) partOf(site, path string) string {
	for _, e := range s.difference {
		if e.path == path {
			return ""
		}
	}
	key := ""
	for _, l := range s.links {
		if comparePaths(l.first, path) <= 0 {
			key = site + "/p/" + l.ref
		}
	}
	return key
}

// manifest is the same as a stored manifest.
func (r *root) manifest() *storedManifest {
	m := &storedManifest{site: r.site}
	for _, e := range r.sequences[0].entries {
		m.assets = append(m.assets, e.asset)
	}
	for _, e := range r.sequences[2].entries {
		m.retired = append(m.retired, e.asset)
	}
	return m
}
