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

// Index is the manifest of the kv-assets layout. It is compiled into a Worker
// written in Rust. It is sorted by Path, and no two entries have the same Path.
type Index []Entry

// Entry is one file of an [Index].
type Entry struct {
	// Path is relative to the folder of the assets: "docs/index.html".
	Path string
	// Key is the key in KV of the file's bytes.
	Key string
	// Modified is in seconds since 1970, UTC.
	Modified uint64
	// Size is in bytes.
	Size uint64
}

// entryBytes is the size of an entry with an empty path and key: two
// lengths, the time and the size.
const entryBytes = 4 * 8

// EncodeIndex returns the index in the form in which bincode 1.3 writes the Rust crate's
// HashMap<String, AssetMetadata>. It sorts by path, so that equal indexes have equal
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

// DecodeIndex reads an index with its entries in any order. It accepts only what
// [EncodeIndex] and the Rust crate can write: it refuses text that is not UTF-8, a
// repeated path, and bytes after the end. It needs memory in proportion to the length
// of b, even if b is malicious.
func DecodeIndex(b []byte) (Index, error) {
	r := indexReader{rest: b}
	n := r.number()
	if r.err == nil && n > uint64(len(r.rest)/entryBytes) {
		r.err = fmt.Errorf("it claims %d entries, which do not fit into %d bytes", n, len(r.rest))
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
		return nil, fmt.Errorf("it is not an index of assets: %w", r.err)
	}
	return index, nil
}

// indexReader reads bincode's fixed-width numbers and texts. After an error it
// returns zero values.
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

// sumDigits is the number of digits of a checksum in a key.
const sumDigits = 10

// Hasher computes the checksum in the key of a file in the kv-assets layout. The
// file's bytes are written to it, in pieces of any size.
type Hasher struct {
	text   io.WriteCloser
	digest *xxhash.Digest
}

// NewHasher returns a hasher to which nothing was written yet.
func NewHasher() *Hasher {
	d := xxhash.New()
	return &Hasher{text: base64.NewEncoder(base64.StdEncoding, d), digest: d}
}

// Write adds bytes. It never returns an error.
func (h *Hasher) Write(p []byte) (int, error) { return h.text.Write(p) }

// Sum ends the hasher and returns the checksum: the first ten hexadecimal digits of
// XXH64 of the contents' base64 text. Like the Rust crate, it leaves out leading
// zeros first, so a checksum can very rarely have fewer than ten digits.
func (h *Hasher) Sum() string {
	_ = h.text.Close() // writing to a digest cannot fail
	sum := strconv.FormatUint(h.digest.Sum64(), 16)
	return sum[:min(len(sum), sumDigits)]
}

// Key returns the key in KV of the file at path with that checksum. The checksum is
// inserted before the last extension of the name.
func Key(path, sum string) string {
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i+1], path[i+1:]
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 { // a leading dot does not start an extension
		return dir + name[:i] + "." + sum + name[i:]
	}
	return dir + name + "." + sum
}
