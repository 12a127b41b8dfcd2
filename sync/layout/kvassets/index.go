package kvassets

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// Index is what the kv-assets layout has for a manifest: it is compiled
// into a Worker written in Rust. It is sorted by Path, which names no two
// entries.
type Index []Entry

// Entry is one file of an [Index].
type Entry struct {
	// Path is relative to the folder of the assets: "docs/index.html".
	Path string
	// Key is where in KV the file's bytes lie.
	Key string
	// Modified is in seconds since 1970, UTC.
	Modified uint64
	// Size is in bytes.
	Size uint64
}

// entryBytes is what an entry with an empty path and key takes: two
// lengths, the time and the size.
const entryBytes = 4 * 8

// EncodeIndex returns the index as bincode 1.3 writes the Rust crate's
// HashMap<String, AssetMetadata>, sorted by path, so that equal indexes are equal
// bytes.
func EncodeIndex(index Index) []byte {
	size := 8
	for _, e := range index {
		size += entryBytes + len(e.Path) + len(e.Key)
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, size), uint64(len(index)))
	for _, e := range sortedIndex(index) {
		b = appendIndexText(b, e.Path)
		b = appendIndexText(b, e.Key)
		b = binary.LittleEndian.AppendUint64(b, e.Modified)
		b = binary.LittleEndian.AppendUint64(b, e.Size)
	}
	return b
}

func appendIndexText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func sortedIndex(index Index) Index {
	byPath := func(a, b Entry) int { return strings.Compare(a.Path, b.Path) }
	if slices.IsSortedFunc(index, byPath) {
		return index
	}
	return slices.SortedFunc(slices.Values(index), byPath)
}

// DecodeIndex reads an index, in whatever order its entries are. What it takes
// is what [EncodeIndex] and the Rust crate can have written, and nothing beyond:
// no text that is not UTF-8, no path twice, no byte after the end. It needs
// memory in proportion to b, whatever b says.
func DecodeIndex(b []byte) (Index, error) {
	r := indexReader{rest: b}
	n := r.number()
	if r.err == nil && n > uint64(len(r.rest)/entryBytes) {
		r.err = fmt.Errorf("it says it has %d entries, and %d bytes have no room for them", n, len(r.rest))
	}
	var index Index
	if r.err == nil {
		index = make(Index, 0, n)
	}
	for i := uint64(0); i < n && r.err == nil; i++ {
		index = append(index, Entry{Path: r.text(), Key: r.text(), Modified: r.number(), Size: r.number()})
	}
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%d bytes follow its end", len(r.rest))
	}
	if r.err == nil {
		index = sortedIndex(index)
		for i := 1; i < len(index); i++ {
			if index[i].Path == index[i-1].Path {
				r.err = fmt.Errorf("it names %.100q twice", index[i].Path)
				break
			}
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("it is no index of assets: %w", r.err)
	}
	return index, nil
}

// indexReader reads bincode's fixed-width numbers and texts. After an error it
// gives zeros.
type indexReader struct {
	rest []byte
	err  error
}

var errIndexEnds = errors.New("it ends in the middle")

func (r *indexReader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.rest)) {
		r.err = errIndexEnds
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *indexReader) number() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *indexReader) text() string {
	b := r.take(r.number())
	if r.err == nil && !utf8.Valid(b) {
		r.err = errors.New("a text in it is not UTF-8")
	}
	return string(b)
}

// sumDigits is how much of a checksum goes into a key.
const sumDigits = 10

// Hasher finds the checksum that a file's key in the kv-assets layout
// has. The bytes are written to it, in pieces of any size.
type Hasher struct {
	text   io.WriteCloser
	digest *xxhash.Digest
}

// NewHasher returns a hasher of no bytes yet.
func NewHasher() *Hasher {
	d := xxhash.New()
	return &Hasher{text: base64.NewEncoder(base64.StdEncoding, d), digest: d}
}

// Write adds bytes. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.text.Write(p) }

// Sum ends the hasher and returns the checksum: XXH64 of the contents' base64
// text, the first ten hexadecimal digits of it. Leading zeros are left out
// before it is cut, as in the Rust crate, so once in a great while there are
// fewer.
func (h *Hasher) Sum() string {
	_ = h.text.Close() // a digest takes all bytes
	sum := strconv.FormatUint(h.digest.Sum64(), 16)
	return sum[:min(len(sum), sumDigits)]
}

// Key is the key in KV of the file at path whose contents have that
// checksum: the checksum stands before the last extension of its name.
func Key(path, sum string) string {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i+1], path[i+1:]
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 { // a dot at the beginning begins no extension
		return dir + name[:i] + "." + sum + name[i:]
	}
	return dir + name + "." + sum
}
