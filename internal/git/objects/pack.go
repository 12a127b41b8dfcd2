package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// pack is a pack file and its index (git's Documentation/gitformat-pack.txt). Goroutines share
// it, because all reads name their offset. Searches read the index file itself, so opening a
// pack of a million objects costs as much as opening one of ten.
type pack struct {
	number int           // identifies the pack in the base cache
	name   string        // of the .pack file
	read   *atomic.Int64 // counts the bytes read of both files

	open   sync.Once
	err    error // of open
	index  *packFile
	data   *packFile
	end    int64      // where the last object ends
	fanout [256]int64 // number of ids whose first byte is at most this
}

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
	p.end = info.Size() - SHA1Bytes
	return nil
}

// packFile is a file that counts the bytes that are read of it.
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

// packKinds are the kinds of objects by the type of their entry. Deltas have the types below.
var packKinds = [8]string{1: kindCommit, 2: kindTree, 3: kindBlob, 4: kindTag}

const (
	offsetDelta = 6
	refDelta    = 7
)

// packEntry is the header of an object in a pack.
type packEntry struct {
	kind   string // "" for a delta
	offset int64
	body   int64 // where the zlib stream begins
	size   int64 // of the decompressed object, or delta
	base   int64 // offset of a delta's base
}

func (p *pack) entry(offset int64) (e packEntry, err error) {
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
		if i+SHA1Bytes > len(b) {
			return e, errCorrupt
		}
		if e.base, err = p.find(objectID(b[i : i+SHA1Bytes])); err != nil {
			return e, err
		}
		if i += SHA1Bytes; e.base == 0 {
			return e, errCorrupt // a base is always in the same pack on disk
		}
	default:
		if e.kind = packKinds[kind]; e.kind == "" {
			return e, errCorrupt
		}
	}
	e.body = offset + int64(i)
	// zlib compresses at most about a thousandfold. A larger size is wrong, and no memory is
	// allocated for it.
	if e.body >= p.end || e.size > (p.end-e.body)*1100 {
		return e, errCorrupt
	}
	return e, err
}

// stream opens the zlib stream of an entry.
func (p *pack) stream(e packEntry) (*content, error) {
	z, err := inflate(&streamReader{io.NewSectionReader(p.data, e.body, p.end-e.body), e.size + e.size/16 + 64})
	if err != nil {
		return nil, err
	}
	return &content{z: z, left: e.size}, nil
}

// streamReader reads a zlib stream of unknown length. A stream is often much shorter than the
// buffer: a commit has some 200 bytes. So the first read takes only the likely length, and the
// reads after it fill the buffer.
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
