package kvsync

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// A file that is too large for a value of KV lies there as chunks, each a blob
// of its own, and as an index that names them, which is the asset's blob. What
// names an index needs its chunks too. docs/format.md specifies the index, and
// the vectors in testdata/served/chunked are read by Go and TypeScript alike.

const (
	// MaxFileBytes is the size of the largest file: an entry of the served
	// manifest has four bytes for it. It has 256 chunks, of the 999 that a Worker
	// could read for one request.
	MaxFileBytes = 1<<32 - 1

	// chunkSize is how large a writer makes chunks. One is held in memory from
	// when it is read until it is confirmed, and several are on their way at once.
	chunkSize = 16 << 20

	indexMagic   = "KVSC"
	indexVersion = 1
	indexHead    = 24
	maxChunks    = 999
)

// Chunked reports whether the asset lies in KV as chunks and an index: it does
// if it is too large for one value, and only then.
func (a Asset) Chunked() bool { return a.Size > MaxValueBytes }

// blobs is how many blobs the asset's bytes take.
func (a Asset) blobs() int {
	if a.Chunked() {
		return chunkCount(a.Size) + 1
	}
	return 1
}

// chunkCount is how many chunks a writer makes of a file.
func chunkCount(size int64) int { return int((size + chunkSize - 1) / chunkSize) }

// content is what two assets have in common whose bytes are the same. The hash
// alone would not do: a small file may hold the very bytes that a chunked one
// is hashed by.
type content struct {
	hash Hash
	size int64
}

func (a Asset) content() content { return content{a.Blob.Hash, a.Size} }

// of is the nonce of an asset's blob, written by the run whose nonce n is. That
// of an index is another one, lest it share its key with a small file that
// holds the very bytes that the index is hashed by.
func (n Nonce) of(a Asset) Nonce {
	if a.Chunked() {
		n[len(n)-1] ^= 1
	}
	return n
}

// Hasher finds an asset's Blob.Hash in one pass over the file's bytes, which are
// written to it in order: their SHA-256, or for a file that will be chunked what
// its index is hashed by.
type Hasher struct {
	sum   hash.Hash // of the file, or of the chunk that is being written
	left  int64     // of that chunk
	index *chunkIndex
}

// NewHasher makes a Hasher for a file of size bytes.
func NewHasher(size int64) *Hasher {
	h := &Hasher{sum: sha256.New()}
	if (Asset{Size: size}).Chunked() {
		h.index, h.left = newIndex(size), chunkSize
	}
	return h
}

// Write implements [io.Writer]. It never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	n := len(p)
	for h.index != nil && int64(len(p)) >= h.left {
		h.sum.Write(p[:h.left])
		p = p[h.left:]
		h.endChunk()
	}
	h.left -= int64(len(p))
	h.sum.Write(p)
	return n, nil
}

func (h *Hasher) endChunk() {
	h.index.chunks = append(h.index.chunks, Ref{Hash: Hash(h.sum.Sum(nil))})
	h.sum.Reset()
	h.left = chunkSize
}

// Sum returns the hash, once everything was written.
func (h *Hasher) Sum() Hash {
	if h.index == nil {
		return Hash(h.sum.Sum(nil))
	}
	if h.left < chunkSize {
		h.endChunk()
	}
	return h.index.hash()
}

// chunkIndex is a file's chunks in order.
type chunkIndex struct {
	size      int64 // of the file
	chunkSize int64 // of each chunk but the last
	chunks    []Ref
}

func newIndex(size int64) *chunkIndex { return &chunkIndex{size: size, chunkSize: chunkSize} }

// indexBytes is how long the index of a file of so many chunks is.
func indexBytes(chunks int) int { return indexHead + chunks*(len(Hash{})+len(Nonce{})) }

// identity is the part of the index that depends on the content alone.
func (x *chunkIndex) identity() []byte {
	b := make([]byte, indexHead, indexBytes(len(x.chunks)))
	copy(b, indexMagic)
	binary.LittleEndian.PutUint16(b[4:], indexVersion)
	binary.LittleEndian.PutUint32(b[8:], uint32(x.chunkSize))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(x.chunks)))
	binary.LittleEndian.PutUint64(b[16:], uint64(x.size))
	for _, c := range x.chunks {
		b = append(b, c.Hash[:]...)
	}
	return b
}

// hash is the asset's Blob.Hash, and that of the index's key.
func (x *chunkIndex) hash() Hash { return HashOf(x.identity()) }

// encode writes the index as it lies in KV.
func (x *chunkIndex) encode() []byte {
	b := x.identity()
	for _, c := range x.chunks {
		b = append(b, c.Nonce[:]...)
	}
	return b
}

// decodeIndex reads the index of an asset, and refuses one of another content
// or that is not whole. It takes chunks of any size that a value can have.
func decodeIndex(b []byte, a Asset) (*chunkIndex, error) {
	if len(b) < indexHead || string(b[:4]) != indexMagic {
		return nil, errors.New("decode chunk index: these bytes are none")
	}
	version, reserved := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	if version != indexVersion || reserved != 0 {
		return nil, fmt.Errorf("decode chunk index: version %d (%d) is not known; update kv-sync", version, reserved)
	}
	x := &chunkIndex{chunkSize: int64(binary.LittleEndian.Uint32(b[8:])), size: a.Size}
	count := int64(binary.LittleEndian.Uint32(b[12:]))
	switch {
	case binary.LittleEndian.Uint64(b[16:]) != uint64(a.Size):
		return nil, errors.New("decode chunk index: it is of a file of another size")
	case x.chunkSize < 1 || x.chunkSize > MaxValueBytes, count < 1 || count > maxChunks,
		count != (x.size+x.chunkSize-1)/x.chunkSize:
		return nil, errors.New("decode chunk index: its chunks do not make the file")
	case len(b) != indexBytes(int(count)):
		return nil, errors.New("decode chunk index: it is cut short, or longer than it says")
	}
	x.chunks = make([]Ref, count)
	hashes, nonces := b[indexHead:], b[indexHead+int(count)*len(Hash{}):]
	for i := range x.chunks {
		copy(x.chunks[i].Hash[:], hashes[i*len(Hash{}):])
		copy(x.chunks[i].Nonce[:], nonces[i*len(Nonce{}):])
	}
	if x.hash() != a.Blob.Hash {
		return nil, errors.New("decode chunk index: it does not hash to its key")
	}
	return x, nil
}

// indexes tells which chunks chunked assets have, by their index's reference.
type indexes map[Ref]indexed

// indexed is an index that was read, or why there is none: err wraps
// ErrNotFound or errDamaged.
type indexed struct {
	chunks []Ref
	err    error
}

// readIndexes adds the indexes that the chunked ones of the assets have and that
// are not known yet. One that is gone or damaged is no error of this call.
func (e *Engine) readIndexes(ctx context.Context, s Store, assets []Asset, known indexes) error {
	var todo []Asset
	for _, a := range assets {
		if _, ok := known[a.Blob]; a.Chunked() && !ok {
			known[a.Blob] = indexed{}
			todo = append(todo, a)
		}
	}
	read := make([]indexed, len(todo))
	err := e.eachBlob(ctx, len(todo), func(ctx context.Context, i int) error {
		a := todo[i]
		b, err := s.Get(ctx, keys(e.Site).blob(a.Blob))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		var x *chunkIndex
		if err == nil {
			if x, err = decodeIndex(b, a); err != nil {
				err = fmt.Errorf("%w: %w", errDamaged, err)
			}
		}
		if err != nil {
			read[i].err = fmt.Errorf("the chunk index of %s: %w", a.Path, err)
		} else {
			read[i].chunks = x.chunks
		}
		return nil
	})
	for i, a := range todo {
		known[a.Blob] = read[i]
	}
	return err
}

// blobsOf lists what an asset needs: its blob, and its chunks if it has some.
func (x indexes) blobsOf(a Asset) []Ref { return append([]Ref{a.Blob}, x[a.Blob].chunks...) }
