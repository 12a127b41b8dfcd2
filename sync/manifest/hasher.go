package manifest

import (
	"crypto/sha256"
	"hash"
)

// Hasher computes an asset's Blob.Hash from the file's bytes, which are written to it
// in order: their SHA-256, or the hash of the chunk index for a file in chunks.
type Hasher struct {
	sum   hash.Hash // of the file, or of the chunk that is being written
	left  int64     // of that chunk
	index *ChunkIndex
}

// NewHasher makes a Hasher for a file of size bytes.
func NewHasher(size int64) *Hasher {
	h := &Hasher{sum: sha256.New()}
	if (Asset{Size: size}).Chunked() {
		h.index, h.left = NewChunkIndex(size), ChunkBytes
	}
	return h
}

// Write implements [io.Writer]. It never returns an error.
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
	h.index.Chunks = append(h.index.Chunks, Ref{Hash: Hash(h.sum.Sum(nil))})
	h.sum.Reset()
	h.left = ChunkBytes
}

// Sum returns the hash when all bytes have been written.
func (h *Hasher) Sum() Hash {
	if h.index == nil {
		return Hash(h.sum.Sum(nil))
	}
	if h.left < ChunkBytes {
		h.endChunk()
	}
	return h.index.Hash()
}
