package parts

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	partMagic   = "KVSP"
	partVersion = 1
	partHeader  = 32
	recordBytes = 40
	checkBytes  = sha256.Size

	flagChunked = 1 << 0
	flagGone    = 1 << 3
)

// encodePart encodes the entries of a part, or of a difference. hash is the one in the key.
func encodePart(kind Kind, entries []entry) (b []byte, hash manifest.Hash, err error) {
	oidSize, names := 0, 0
	for _, e := range entries {
		oidSize = max(oidSize, len(e.OID)/2)
		names += len(e.Path)
	}
	b = make([]byte, partHeader, partHeader+checkBytes+names+len(entries)*(4+oidSize+kind.recordSize()+kind.tailSize()))
	copy(b, partMagic)
	binary.LittleEndian.PutUint16(b[4:], partVersion)
	b[6] = byte(kind)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(entries)))
	binary.LittleEndian.PutUint32(b[12:], uint32(oidSize))
	end := 0
	for _, e := range entries {
		end += len(e.Path)
		b = binary.LittleEndian.AppendUint32(b, uint32(end))
	}
	types, err := appendRecords(&b, kind, entries)
	if err != nil {
		return nil, hash, err
	}
	for _, e := range entries {
		if b, err = appendID(b, e, oidSize); err != nil {
			return nil, hash, err
		}
	}
	for _, e := range entries {
		b = append(b, e.Path...)
	}
	b = append(b, types...)
	tail := len(b)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(types)))
	binary.LittleEndian.PutUint32(b[20:], uint32(tail+kind.tailSize()*len(entries)+checkBytes))
	b = appendTail(b, kind, entries)
	hash, check := sums(b, tail)
	return append(b, check[:]...), hash, nil
}

// sums returns the SHA-256 of b without its tail, and of b.
func sums(b []byte, tail int) (hash, check manifest.Hash) {
	h := sha256.New()
	h.Write(b[:tail])
	h.Sum(hash[:0])
	h.Write(b[tail:])
	h.Sum(check[:0])
	return hash, check
}

// appendRecords appends the records to b, marks the header if a file is chunked, and returns the
// types.
func appendRecords(b *[]byte, kind Kind, entries []entry) (types []byte, err error) {
	if kind == Directories {
		for _, e := range entries {
			*b = binary.LittleEndian.AppendUint16(*b, flagsOf(e))
		}
		return nil, nil
	}
	list, index := []string{}, map[string]int{}
	for _, e := range entries {
		if e.gone {
			*b = binary.LittleEndian.AppendUint16(append(*b, make([]byte, recordBytes-2)...), flagsOf(e))
			continue
		}
		if e.Blob.Hash.IsZero() || e.Size < 0 || e.Size > manifest.MaxFileBytes {
			return nil, fmt.Errorf("encode manifest: %s has no blob, or a size of %d bytes", e.Path, e.Size)
		}
		at, known := index[e.ContentType]
		if !known {
			at = len(list)
			list, index[e.ContentType] = append(list, e.ContentType), at
		}
		if e.Chunked() {
			(*b)[7] = flagChunked
		}
		*b = append(*b, e.Blob.Hash[:]...)
		*b = binary.LittleEndian.AppendUint32(*b, uint32(e.Size))
		*b = binary.LittleEndian.AppendUint16(*b, uint16(at)) // a part has fewer entries than 2^16 types
		*b = binary.LittleEndian.AppendUint16(*b, flagsOf(e))
	}
	if len(list) > math.MaxUint16 {
		return nil, fmt.Errorf("encode manifest: more than %d content types", math.MaxUint16)
	}
	return manifest.EncodeJSON(list)
}

// flagsOf are the flags of an entry.
func flagsOf(e entry) uint16 {
	switch {
	case e.gone:
		return flagGone
	case e.Chunked():
		return flagChunked
	}
	return 0
}

func appendID(b []byte, e entry, size int) ([]byte, error) {
	if e.OID == "" {
		return append(b, make([]byte, size)...), nil
	}
	id, err := hex.DecodeString(e.OID)
	if err != nil || len(id) != size {
		return nil, fmt.Errorf("encode manifest: %s: object id %.80q is not %d bytes in hexadecimal", e.Path, e.OID, size)
	}
	return append(b, id...), nil
}

func appendTail(b []byte, kind Kind, entries []entry) []byte {
	if kind == Directories {
		return b
	}
	for _, e := range entries {
		b = append(b, e.Blob.Nonce[:]...)
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Modified))
		if kind == Retired {
			b = binary.LittleEndian.AppendUint32(b, e.until)
			b = binary.LittleEndian.AppendUint32(b, e.last)
		}
	}
	return b
}

// part has the sections of an encoded part.
type part struct {
	kind                            Kind
	n, oidSize                      int
	ends, records, ids, paths, tail []byte
	types                           []string
}

// decodePart reads a part or a difference, and returns the hash that its key has. It returns an
// error for damaged bytes, never fewer entries.
func decodePart(b []byte, kind Kind) (entries []entry, hash manifest.Hash, err error) {
	p, hash, err := openPart(b, kind)
	if err != nil {
		return nil, hash, err
	}
	if entries, err = p.entries(); err != nil {
		return nil, hash, fmt.Errorf("decode part: %w", err)
	}
	flags := byte(0)
	if slices.ContainsFunc(entries, func(e entry) bool { return e.Chunked() }) {
		flags = flagChunked
	}
	if b[7] != flags {
		return nil, hash, errors.New("decode part: its flags and the sizes of its files disagree")
	}
	return entries, hash, nil
}

// openPart divides a part into its sections.
func openPart(b []byte, kind Kind) (p part, hash manifest.Hash, err error) {
	if len(b) < partHeader+checkBytes || string(b[:4]) != partMagic {
		return p, hash, errors.New("decode part: these bytes are not a part")
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != partVersion || b[7]&^flagChunked != 0 {
		return p, hash, fmt.Errorf("decode part: format version %d, flags %#x: %w", v, b[7], manifest.ErrNewer)
	}
	body := b[:len(b)-checkBytes]
	n, oidSize, types := word(b, 8), word(b, 12), word(b, 16)
	if Kind(b[6]) != kind || word(b, 20) != len(b) || binary.LittleEndian.Uint64(b[24:]) != 0 ||
		oidSize != 0 && oidSize != 20 && oidSize != 32 || n > len(b)/4 {
		return p, hash, fmt.Errorf("decode part: its header is not one of %s", kind)
	}
	p = part{kind: kind, n: n, oidSize: oidSize}
	fixed := partHeader + n*(4+kind.recordSize()+oidSize)
	paths := len(body) - n*kind.tailSize() - types - fixed
	if paths < 0 {
		return p, hash, errors.New("decode part: it is cut short")
	}
	rest := body[partHeader:]
	take := func(size int) (section []byte) { section, rest = rest[:size], rest[size:]; return section }
	p.ends, p.records, p.ids, p.paths = take(4*n), take(kind.recordSize()*n), take(oidSize*n), take(paths)
	list := take(types)
	p.tail = rest
	hash, check := sums(body, len(body)-len(rest))
	if !bytes.Equal(check[:], b[len(body):]) {
		return p, hash, fmt.Errorf("decode part: %w", manifest.ErrDamaged)
	}
	if types > 0 && kind == Directories || types == 0 && kind != Directories {
		return p, hash, errors.New("decode part: its types are not a list")
	}
	if types > 0 {
		if err := json.Unmarshal(list, &p.types); err != nil {
			return p, hash, fmt.Errorf("decode part: its types are not a list: %w", err)
		}
	}
	return p, hash, nil
}

func word(b []byte, at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }

// entries decodes the entries. They share the memory of two texts.
func (p *part) entries() ([]entry, error) {
	paths, ids := string(p.paths), hex.EncodeToString(p.ids)
	list, from := make([]entry, p.n), 0
	for i := range list {
		end := word(p.ends, 4*i)
		if end < from || end > len(paths) {
			return nil, errors.New("a path is out of bounds")
		}
		e := &list[i]
		e.Path, from = paths[from:end], end
		if !strings.HasPrefix(e.Path, "/") || !utf8.ValidString(e.Path) {
			return nil, errors.New("a path is not UTF-8, or has no slash at its beginning")
		}
		if i > 0 && compare(list[i-1].Path, e.Path) >= 0 {
			return nil, errors.New("its paths are not in order")
		}
		if id := ids[2*p.oidSize*i : 2*p.oidSize*(i+1)]; !allZero(id) {
			e.OID = id
		}
		if err := p.fill(e, i); err != nil {
			return nil, err
		}
	}
	if from != len(paths) {
		return nil, errors.New("bytes follow its last path")
	}
	return list, nil
}

// fill decodes the record and the tail of entry i.
func (p *part) fill(e *entry, i int) error {
	size, tailSize := p.kind.recordSize(), p.kind.tailSize()
	record, tail := p.records[size*i:size*(i+1)], p.tail[tailSize*i:tailSize*(i+1)]
	flags := binary.LittleEndian.Uint16(record[size-2:])
	if flags == flagGone {
		if e.gone = e.OID == "" && isZero(record[:size-2]) && isZero(tail); !e.gone {
			return errors.New("an entry that is gone has content")
		}
		return nil
	}
	if p.kind != Directories {
		copy(e.Blob.Hash[:], record)
		copy(e.Blob.Nonce[:], tail)
		e.Size, e.Modified = int64(word(record, 32)), int64(word(tail, 8))
		typ := int(binary.LittleEndian.Uint16(record[36:]))
		if typ >= len(p.types) || e.Blob.Hash.IsZero() {
			return fmt.Errorf("the entry of %.200q is not valid", e.Path)
		}
		e.ContentType = p.types[typ]
	}
	if p.kind == Retired {
		e.until, e.last = uint32(word(tail, 12)), uint32(word(tail, 16))
	}
	if flags != flagsOf(*e) {
		return fmt.Errorf("the entry of %.200q has the flags %#x", e.Path, flags)
	}
	return nil
}

func allZero(digits string) bool {
	for i := range len(digits) {
		if digits[i] != '0' {
			return false
		}
	}
	return true
}

func isZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}
