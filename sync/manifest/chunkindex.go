package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A file that is too large for a value of KV lies there as chunks, each a blob
// of its own, and as an index that names them, which is the asset's blob. What
// names an index needs its chunks too. docs/format.md specifies the index, and
// the vectors in testdata/served/chunked are read by Go and TypeScript alike.

const (
	// MaxValueBytes is the size of the largest value of Workers KV:
	// https://developers.cloudflare.com/kv/platform/limits/.
	MaxValueBytes = 25 << 20

	// MaxFileBytes is the size of the largest file: an entry of the served
	// manifest has four bytes for it. It has 256 chunks, of the 999 that a Worker
	// could read for one request.
	MaxFileBytes = 1<<32 - 1

	// chunkSize is how large a writer makes chunks. One is held in memory from
	// when it is read until it is confirmed, and several are on their way at once.
	ChunkBytes = 16 << 20

	indexMagic   = "KVSC"
	indexVersion = 1
	indexHead    = 24
	maxChunks    = 999
)

// chunkCount is how many chunks a writer makes of a file.
func ChunkCount(size int64) int { return int((size + ChunkBytes - 1) / ChunkBytes) }

// chunkIndex is a file's chunks in order.
type ChunkIndex struct {
	size      int64 // of the file
	chunkSize int64 // of each chunk but the last
	Chunks    []Ref
}

func NewChunkIndex(size int64) *ChunkIndex { return &ChunkIndex{size: size, chunkSize: ChunkBytes} }

// indexBytes is how long the index of a file of so many chunks is.
func ChunkIndexBytes(chunks int) int { return indexHead + chunks*(len(Hash{})+len(Nonce{})) }

// identity is the part of the index that depends on the content alone.
func (x *ChunkIndex) identity() []byte {
	b := make([]byte, indexHead, ChunkIndexBytes(len(x.Chunks)))
	copy(b, indexMagic)
	binary.LittleEndian.PutUint16(b[4:], indexVersion)
	binary.LittleEndian.PutUint32(b[8:], uint32(x.chunkSize))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(x.Chunks)))
	binary.LittleEndian.PutUint64(b[16:], uint64(x.size))
	for _, c := range x.Chunks {
		b = append(b, c.Hash[:]...)
	}
	return b
}

// hash is the asset's Blob.Hash, and that of the index's key.
func (x *ChunkIndex) Hash() Hash { return HashOf(x.identity()) }

// encode writes the index as it lies in KV.
func (x *ChunkIndex) Encode() []byte {
	b := x.identity()
	for _, c := range x.Chunks {
		b = append(b, c.Nonce[:]...)
	}
	return b
}

// decodeIndex reads the index of an asset, and refuses one of another content
// or that is not whole. It takes chunks of any size that a value can have.
func DecodeChunkIndex(b []byte, a Asset) (*ChunkIndex, error) {
	if len(b) < indexHead || string(b[:4]) != indexMagic {
		return nil, errors.New("decode chunk index: these bytes are none")
	}
	version, reserved := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	if version != indexVersion || reserved != 0 {
		return nil, fmt.Errorf("decode chunk index: version %d (%d) is not known; update kv-sync", version, reserved)
	}
	x := &ChunkIndex{chunkSize: int64(binary.LittleEndian.Uint32(b[8:])), size: a.Size}
	count := int64(binary.LittleEndian.Uint32(b[12:]))
	switch {
	case binary.LittleEndian.Uint64(b[16:]) != uint64(a.Size):
		return nil, errors.New("decode chunk index: it is of a file of another size")
	case x.chunkSize < 1 || x.chunkSize > MaxValueBytes, count < 1 || count > maxChunks,
		count != (x.size+x.chunkSize-1)/x.chunkSize:
		return nil, errors.New("decode chunk index: its chunks do not make the file")
	case len(b) != ChunkIndexBytes(int(count)):
		return nil, errors.New("decode chunk index: it is cut short, or longer than it says")
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
