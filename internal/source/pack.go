package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// pack is a pack file and its index (git's Documentation/gitformat-pack.txt). It
// is only ever read at offsets, so that any number of goroutines share it, and
// the index is searched where it lies: opening a pack costs the same whether it
// has ten objects or a million.
type pack struct {
	number int           // its place in bases
	name   string        // of the .pack file
	read   *atomic.Int64 // how many bytes were read of either file

	open   sync.Once
	err    error // of open
	index  *packFile
	data   *packFile
	end    int64      // of the last object
	fanout [256]int64 // how many ids begin with at most this byte
}

// sha1Bytes is the length of an id.
const sha1Bytes = 20

type objectID [sha1Bytes]byte

// Where an index of version 2 has what.
const (
	indexFanout = 8
	indexIDs    = indexFanout + 256*4
	indexMagic  = "\xfftOc\x00\x00\x00\x02"
)

// listPacks returns the packs in an object directory.
func listPacks(objects string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(objects, "pack"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".idx"); ok {
			names = append(names, filepath.Join(objects, "pack", base+".pack"))
		}
	}
	return names, nil
}

func (p *pack) opened() error {
	p.open.Do(func() {
		if p.err = p.openFiles(); p.err != nil {
			p.err = fmt.Errorf("open pack %s: %w", filepath.Base(p.name), p.err)
		}
	})
	return p.err
}

func (p *pack) openFiles() (err error) {
	if p.index, err = openPackFile(strings.TrimSuffix(p.name, ".pack")+".idx", p.read); err != nil {
		return err
	}
	if p.data, err = openPackFile(p.name, p.read); err != nil {
		return err
	}
	var head [indexIDs]byte
	if _, err := p.index.ReadAt(head[:], 0); err != nil {
		return err
	}
	if string(head[:indexFanout]) != indexMagic {
		return errors.New("its index is of a version that is not supported; run git repack -ad")
	}
	for i := range p.fanout {
		p.fanout[i] = int64(binary.BigEndian.Uint32(head[indexFanout+4*i:]))
		if i > 0 && p.fanout[i] < p.fanout[i-1] {
			return errCorrupt
		}
	}
	info, err := p.data.file.Stat()
	if err != nil {
		return err
	}
	p.end = info.Size() - sha1Bytes
	return nil
}

// packFile counts what is read of it: an operation's cost in a large repository.
type packFile struct {
	file *os.File
	read *atomic.Int64
}

func openPackFile(name string, read *atomic.Int64) (*packFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &packFile{file, read}, nil
}

// ReadAt implements [io.ReaderAt].
func (f *packFile) ReadAt(b []byte, offset int64) (int, error) {
	n, err := f.file.ReadAt(b, offset)
	f.read.Add(int64(n))
	return n, err
}

func (p *pack) close() {
	p.open.Do(func() { p.err = os.ErrClosed })
	if p.index != nil {
		_ = p.index.file.Close()
	}
	if p.data != nil {
		_ = p.data.file.Close()
	}
}

// find returns where an object begins, 0 if the pack does not have it.
func (p *pack) find(id objectID) (int64, error) {
	low, high := int64(0), p.fanout[id[0]]
	if id[0] > 0 {
		low = p.fanout[id[0]-1]
	}
	// Halve until what is left is cheaper read at once.
	const few = 64
	var buffer [few * sha1Bytes]byte
	for high-low > few {
		middle := (low + high) / 2
		at := buffer[:sha1Bytes]
		if _, err := p.index.ReadAt(at, indexIDs+middle*sha1Bytes); err != nil {
			return 0, err
		}
		if bytes.Compare(at, id[:]) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	ids := buffer[:(high-low)*sha1Bytes]
	if _, err := p.index.ReadAt(ids, indexIDs+low*sha1Bytes); err != nil {
		return 0, err
	}
	for ; len(ids) > 0; ids = ids[sha1Bytes:] {
		if objectID(ids[:sha1Bytes]) == id {
			return p.offset(low)
		}
		low++
	}
	return 0, nil
}

// offset returns where the n-th object of the index begins.
func (p *pack) offset(n int64) (int64, error) {
	count := p.fanout[255]
	offsets := indexIDs + count*(sha1Bytes+4) // ids, then checksums
	var b [8]byte
	if _, err := p.index.ReadAt(b[:4], offsets+4*n); err != nil {
		return 0, err
	}
	at := int64(binary.BigEndian.Uint32(b[:4]))
	if far := at &^ (1 << 31); far != at {
		if _, err := p.index.ReadAt(b[:], offsets+4*count+8*far); err != nil {
			return 0, err
		}
		at = int64(binary.BigEndian.Uint64(b[:])) //nolint:gosec // checked next
	}
	if at <= 0 || at >= p.end {
		return 0, errCorrupt
	}
	return at, nil
}

// Types of entries in a pack.
var packKinds = [8]string{1: kindCommit, 2: kindTree, 3: kindBlob, 4: kindTag}

const (
	offsetDelta = 6
	refDelta    = 7
)

// entry is the header of an object in a pack.
type entry struct {
	kind   string // "" for a delta
	offset int64
	body   int64 // where the zlib stream begins
	size   int64 // of what it holds: the object, or the delta
	base   int64 // offset of a delta's base
}

func (p *pack) entry(offset int64) (e entry, err error) {
	var buffer [48]byte
	n, err := p.data.ReadAt(buffer[:], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return e, err
	}
	b := buffer[:n]
	i := 0
	next := func() (c byte) {
		if i >= len(b) {
			err = errCorrupt
			return 0
		}
		c = b[i]
		i++
		return c
	}
	err = nil
	c := next()
	kind := c >> 4 & 7
	e.offset, e.size = offset, int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c = next(); shift > 55 {
			return e, errCorrupt
		}
		e.size |= int64(c&0x7f) << shift
	}
	switch kind {
	case offsetDelta:
		c = next()
		back := int64(c & 0x7f)
		for c&0x80 != 0 {
			if c = next(); back > 1<<54 {
				return e, errCorrupt
			}
			back = (back+1)<<7 | int64(c&0x7f)
		}
		e.base = offset - back
		if back == 0 || e.base <= 0 {
			return e, errCorrupt
		}
	case refDelta:
		if i+sha1Bytes > len(b) {
			return e, errCorrupt
		}
		if e.base, err = p.find(objectID(b[i : i+sha1Bytes])); err != nil {
			return e, err
		}
		if i += sha1Bytes; e.base == 0 {
			return e, errCorrupt // packs on disk are never thin
		}
	default:
		if e.kind = packKinds[kind]; e.kind == "" {
			return e, errCorrupt
		}
	}
	e.body = offset + int64(i)
	// zlib makes nothing a thousand times smaller: a size that could not be is
	// not given memory.
	if e.body >= p.end || e.size > (p.end-e.body)*1100 {
		return e, errCorrupt
	}
	return e, err
}

// stream opens the zlib stream of an entry.
func (p *pack) stream(e entry) (*content, error) {
	z, err := inflate(&streamReader{io.NewSectionReader(p.data, e.body, p.end-e.body), e.size + e.size/16 + 64})
	if err != nil {
		return nil, err
	}
	return &content{z: z, left: e.size}, nil
}

// streamReader reads a zlib stream, which does not say how long it is. It asks for
// as much as what it holds can take, not for a buffer full: a commit has 200
// bytes. The few streams that are longer go on with whole buffers.
type streamReader struct {
	from   *io.SectionReader
	likely int64
}

func (r *streamReader) Read(b []byte) (int, error) {
	if r.likely > 0 {
		b = b[:min(int64(len(b)), r.likely)]
	}
	n, err := r.from.Read(b)
	r.likely -= int64(n)
	return n, err
}

// bytes returns what the zlib stream of an entry holds.
func (p *pack) bytes(e entry) ([]byte, error) {
	if e.size > maxMeta {
		return nil, tooLargeToPatch(e.size)
	}
	c, err := p.stream(e)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	data := make([]byte, e.size)
	if _, err := io.ReadFull(c, data); err != nil {
		return nil, err
	}
	_, err = c.Read(nil)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data, err
}

func tooLargeToPatch(size int64) error {
	return fmt.Errorf("%d bytes are too many for an object that git stored as a difference; install git, or deploy the folder (source: folder)", size)
}

// chain follows the bases of a delta, without reading them, to one that is
// remembered or is no delta. It returns the deltas, the last one first, and
// where they end.
func (p *pack) chain(e entry, known func(offset int64) bool) (deltas []entry, end entry, err error) {
	for e.kind == "" && !known(e.offset) {
		// git writes chains of at most 4095. One that goes round is corrupt.
		if deltas = append(deltas, e); len(deltas) > 4095 {
			return nil, e, errCorrupt
		}
		if e, err = p.entry(e.base); err != nil {
			return nil, e, err
		}
	}
	return deltas, e, nil
}

// resolve returns the object that a delta makes. What it makes on the way is
// remembered, for the next delta is likely to need it.
func (p *pack) resolve(e entry, bases *baseCache) (made, error) {
	var m made
	found := false
	deltas, end, err := p.chain(e, func(offset int64) bool {
		m, found = bases.get(p.number, offset)
		return found
	})
	if err != nil {
		return m, err
	}
	if !found {
		if m, found = bases.get(p.number, end.offset); !found {
			if m.data, err = p.bytes(end); err != nil {
				return m, err
			}
			m.kind = end.kind
			bases.put(p.number, end.offset, m)
		}
	}
	for i := len(deltas) - 1; i >= 0; i-- {
		delta, err := p.bytes(deltas[i])
		if err != nil {
			return m, err
		}
		switch size, err := deltaTarget(delta); {
		case err != nil:
			return m, errCorrupt
		case size > maxMeta:
			return m, tooLargeToPatch(size)
		}
		if m.data, err = packfile.PatchDelta(m.data, delta); err != nil {
			return m, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		bases.put(p.number, deltas[i].offset, m)
	}
	return m, nil
}

// deltaSize returns the size of the object that a delta makes, from the delta's
// first bytes.
func (p *pack) deltaSize(e entry) (int64, error) {
	c, err := p.stream(e)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var head [20]byte
	n, err := io.ReadFull(c, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	return deltaTarget(head[:n])
}

// deltaTarget reads the second number of a delta; the first is the base's size.
func deltaTarget(delta []byte) (int64, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, errCorrupt
	}
	size, m := binary.Uvarint(delta[n:])
	if m <= 0 || size > 1<<40 {
		return 0, errCorrupt
	}
	return int64(size), nil
}

// kind returns what a delta makes.
func (p *pack) kind(e entry) (string, error) {
	_, end, err := p.chain(e, func(int64) bool { return false })
	return end.kind, err
}
