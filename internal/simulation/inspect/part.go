package inspect

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The kinds of the parts of a manifest.
const (
	partFiles = iota + 1
	partDirectories
	partRetired
)

// partEntry is an entry of a part.
type partEntry struct {
	asset
	object                string // the id in git
	gone                  bool
	modified, until, last uint32
}

// part is the value of {site}/p/{hash}.{nonce}, or a difference in a root.
type part struct {
	kind    int
	hash    string // of all but the tail
	entries []partEntry
	bytes   int
}

const (
	partHeader    = 32
	partRecord    = 40
	flagGone      = 8
	nonceBytes    = 8
	checksumBytes = sha256.Size
)

// isPart reports whether a value may be a part.
func isPart(b []byte) bool {
	return len(b) >= partHeader+checksumBytes && bytes.Equal(b[:4], []byte("KVSP"))
}

// tailOf is the length of an entry in the tail.
func tailOf(kind int) int { return []int{0, 12, 0, 20}[kind] }

func readPart(b []byte) (*part, error) {
	if !isPart(b) {
		return nil, errors.New("no part")
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	p := &part{kind: int(b[6]), bytes: len(b)}
	n, object, types := u32(8), u32(12), u32(16)
	switch {
	case binary.LittleEndian.Uint16(b[4:]) != 1 || b[7]&^flagChunked != 0:
		return nil, errors.New("a part of an unknown version")
	case p.kind < partFiles || p.kind > partRetired || object != 0 && object != 20 && object != 32:
		return nil, fmt.Errorf("kind %d, object ids of %d bytes", p.kind, object)
	case p.kind == partRetired && object != 0, p.kind == partDirectories && types != 0:
		return nil, errors.New("a section that its kind does not have")
	case u32(20) != len(b) || u32(24) != 0 || u32(28) != 0:
		return nil, errors.New("its header does not fit it")
	}
	if sum := sha256.Sum256(b[:len(b)-checksumBytes]); !bytes.Equal(sum[:], b[len(b)-checksumBytes:]) {
		return nil, errors.New("its checksum is wrong")
	}
	record := partRecord
	if p.kind == partDirectories {
		record = 2
	}
	f := &fields{left: b[partHeader : len(b)-checksumBytes]}
	ends, records, objects := f.take(uint64(4*n)), f.take(uint64(record*n)), f.take(uint64(object*n))
	if f.err != nil {
		return nil, f.err
	}
	length := 0
	if n > 0 {
		length = int(binary.LittleEndian.Uint32(ends[4*(n-1):]))
	}
	paths, list := f.take(uint64(length)), f.take(uint64(types))
	if f.err != nil || len(f.left) != n*tailOf(p.kind) {
		return nil, errors.Join(f.err, errors.New("its sections do not fill it"))
	}
	sum := sha256.Sum256(b[:len(b)-checksumBytes-len(f.left)])
	p.hash = hex.EncodeToString(sum[:])
	var known []string
	if p.kind != partDirectories {
		if err := json.Unmarshal(list, &known); err != nil {
			return nil, fmt.Errorf("its types: %w", err)
		}
	}
	return p, p.fill(b[7], sections{ends, records, objects, paths, f.left}, known)
}

// sections are those of an encoded part.
type sections struct{ ends, records, objects, paths, tail []byte }

// fill reads the entries.
func (p *part) fill(flags byte, in sections, types []string) error {
	n, from, chunked := len(in.ends)/4, 0, byte(0)
	of := func(section []byte, i int) []byte { return section[len(section)/n*i : len(section)/n*(i+1)] }
	for i := range n {
		end := int(binary.LittleEndian.Uint32(in.ends[4*i:]))
		if end < from || end > len(in.paths) {
			return errors.New("a path is out of bounds")
		}
		path := in.paths[from:end]
		from = end
		if !utf8.Valid(path) || len(path) == 0 || path[0] != '/' {
			return fmt.Errorf("the path %q", path)
		}
		e, err := p.entry(string(path), of(in.records, i), of(in.objects, i), of(in.tail, i), types)
		if err != nil {
			return err
		}
		if e.chunked {
			chunked = flagChunked
		}
		if i > 0 && comparePaths(p.entries[i-1].path, e.path) >= 0 {
			return fmt.Errorf("after %q comes %q", p.entries[i-1].path, e.path)
		}
		p.entries = append(p.entries, e)
	}
	if flags != chunked {
		return fmt.Errorf("its flags are %d, not %d", flags, chunked)
	}
	return nil
}

// entry reads one entry.
func (p *part) entry(path string, record, object, tail []byte, types []string) (e partEntry, err error) {
	flags := binary.LittleEndian.Uint16(record[len(record)-2:])
	e.path, e.gone, e.chunked = path, flags&flagGone != 0, flags&flagChunked != 0
	if flags&^(flagGone|flagChunked) != 0 || e.gone && e.chunked {
		return e, fmt.Errorf("%s has the flags %d", path, flags)
	}
	if e.gone {
		if len(bytes.Trim(bytes.Join([][]byte{record[:len(record)-2], object, tail}, nil), "\x00")) > 0 {
			return e, fmt.Errorf("%s is gone, and has content", path)
		}
		return e, nil
	}
	if len(bytes.Trim(object, "\x00")) > 0 {
		e.object = hex.EncodeToString(object)
	}
	if p.kind == partDirectories {
		return e, nil
	}
	typ := int(binary.LittleEndian.Uint16(record[36:]))
	e.size = uint64(binary.LittleEndian.Uint32(record[32:]))
	if typ >= len(types) || e.chunked != (e.size > maxValue) {
		return e, fmt.Errorf("%s has the type %d, the flags %d and %d bytes", path, typ, flags, e.size)
	}
	e.ref = hex.EncodeToString(record[:32]) + "." + hex.EncodeToString(tail[:nonceBytes])
	e.typ, e.modified, e.retired = types[typ], binary.LittleEndian.Uint32(tail[nonceBytes:]), p.kind == partRetired
	if e.retired {
		e.until, e.last = binary.LittleEndian.Uint32(tail[12:]), binary.LittleEndian.Uint32(tail[16:])
	}
	return e, nil
}

// comparePaths compares the parts before the last slashes, then the parts after them.
func comparePaths(a, b string) int {
	i, j := strings.LastIndexByte(a, '/'), strings.LastIndexByte(b, '/')
	return cmp.Or(strings.Compare(a[:max(i, 0)], b[:max(j, 0)]), strings.Compare(a[i+1:], b[j+1:]))
}

// directoryOf is the directory of a file.
func directoryOf(path string) string {
	return cmp.Or(path[:max(strings.LastIndexByte(path, '/'), 0)], "/")
}
