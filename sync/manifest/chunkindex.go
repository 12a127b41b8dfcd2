package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A file that is too large for one value of KV is stored as chunks and an index. Each
// chunk is a blob. The index names them, and is the asset's blob. A root that keeps an
// index keeps its chunks. docs/format.md specifies the index; the tests of Go and of
// TypeScript read the vectors in testdata/served/chunked.

const (
	// MaxValueBytes is the size of the largest value of Workers KV:
	// https://developers.cloudflare.com/kv/platform/limits/.
	MaxValueBytes = 25 << 20

	// MaxFileBytes is the size of the largest file: the served manifest has four
	// bytes for a size. Such a file has 256 chunks. A Worker can read 999 in a request.
	MaxFileBytes = 1<<32 - 1

	// ChunkBytes is the size of the chunks that a writer makes. It limits the memory of
	// an upload: several chunks are sent at once, and each is in memory until it is
	// confirmed.
	ChunkBytes = 16 << 20

	indexMagic   = "KVSC"
	indexVersion = 1
	indexHead    = 24
	maxChunks    = 999
)

// ChunkCount returns the number of chunks that a writer makes of a file.
func ChunkCount(size int64) int { return int((size + ChunkBytes - 1) / ChunkBytes) }

// ChunkIndex lists the chunks of a file in order.
type ChunkIndex struct {
	size      int64 // of the file
	chunkSize int64 // of each chunk but the last
	Chunks    []Ref
}

// NewChunkIndex makes the index of a file of size bytes, without chunks yet.
func NewChunkIndex(size int64) *ChunkIndex { return &ChunkIndex{size: size, chunkSize: ChunkBytes} }

// ChunkIndexBytes is the length of an index with that many chunks.
func ChunkIndexBytes(chunks int) int { return indexHead + chunks*(len(Hash{})+len(Nonce{})) }

// identity is the part of the index that depends on the content alone.
func (i *ChunkIndex) identity() []byte {
	b := make([]byte, indexHead, ChunkIndexBytes(len(i.Chunks)))
	copy(b, indexMagic)
	binary.LittleEndian.PutUint16(b[4:], indexVersion)
	binary.LittleEndian.PutUint32(b[8:], uint32(i.chunkSize))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(i.Chunks)))
	binary.LittleEndian.PutUint64(b[16:], uint64(i.size))
	for _, c := range i.Chunks {
		b = append(b, c.Hash[:]...)
	}
	return b
}

// Hash is the asset's Blob.Hash. It depends on the content of the file alone.
func (i *ChunkIndex) Hash() Hash { return HashOf(i.identity()) }

// Encode writes the index as it is stored.
func (i *ChunkIndex) Encode() []byte {
	b := i.identity()
	for _, c := range i.Chunks {
		b = append(b, c.Nonce[:]...)
	}
	return b
}

// DecodeChunkIndex reads the index of an asset. It refuses one that is incomplete or
// belongs to other content. Chunks may have any size that a value can have.
func DecodeChunkIndex(b []byte, a Asset) (*ChunkIndex, error) {
	if len(b) < indexHead || string(b[:4]) != indexMagic {
		return nil, errors.New("decode chunk index: these bytes are not a chunk index")
	}
	version, reserved := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	if version != indexVersion || reserved != 0 {
		return nil, fmt.Errorf("decode chunk index: version %d (%d): %w", version, reserved, ErrNewer)
	}
	x := &ChunkIndex{chunkSize: int64(binary.LittleEndian.Uint32(b[8:])), size: a.Size}
	count := int64(binary.LittleEndian.Uint32(b[12:]))
	switch {
	case binary.LittleEndian.Uint64(b[16:]) != uint64(a.Size):
		return nil, errors.New("decode chunk index: it belongs to a file of another size")
	case x.chunkSize < 1 || x.chunkSize > MaxValueBytes, count < 1 || count > maxChunks,
		count != (x.size+x.chunkSize-1)/x.chunkSize:
		return nil, errors.New("decode chunk index: its chunks do not add up to the file")
	case len(b) != ChunkIndexBytes(int(count)):
		return nil, errors.New("decode chunk index: its length and its number of chunks disagree")
	}
	x.Chunks = make([]Ref, count)
	hashes, nonces := b[indexHead:], b[indexHead+int(count)*len(Hash{}):]
	for i := range x.Chunks {
		copy(x.Chunks[i].Hash[:], hashes[i*len(Hash{}):])
		copy(x.Chunks[i].Nonce[:], nonces[i*len(Nonce{}):])
	}
	if x.Hash() != a.Blob.Hash {
		return nil, errors.New("decode chunk index: it does not hash to its key")
	}
	return x, nil
}
