package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// chunkIndex is the value of a file in chunks.
type chunkIndex struct {
	hash string // of all but the nonces
	size uint64 // of the whole file
	// chunks are their references, hash.nonce.
	chunks []string
	// each is the size of each chunk but the last.
	each uint64
}

const chunkIndexHead = 24

// isChunkIndex reports whether a value may be a chunk index.
func isChunkIndex(b []byte) bool {
	return len(b) >= chunkIndexHead && bytes.Equal(b[:4], []byte("KVSC"))
}

func readChunkIndex(b []byte) (*chunkIndex, error) {
	if !isChunkIndex(b) {
		return nil, errors.New("no chunk index")
	}
	c := int(binary.LittleEndian.Uint32(b[12:]))
	x := &chunkIndex{each: uint64(binary.LittleEndian.Uint32(b[8:])), size: binary.LittleEndian.Uint64(b[16:])}
	switch {
	case binary.LittleEndian.Uint16(b[4:]) != 1 || binary.LittleEndian.Uint16(b[6:]) != 0:
		return nil, errors.New("a chunk index of an unknown version")
	case c < 1 || c > 999 || len(b) != chunkIndexHead+40*c:
		return nil, fmt.Errorf("%d bytes for %d chunks", len(b), c)
	case x.each < 1 || x.each > maxValue || (x.size+x.each-1)/x.each != uint64(c):
		return nil, fmt.Errorf("%d chunks of %d bytes for %d", c, x.each, x.size)
	}
	nonces := chunkIndexHead + 32*c
	sum := sha256.Sum256(b[:nonces])
	x.hash = hex.EncodeToString(sum[:])
	for i := range c {
		hash, nonce := b[chunkIndexHead+32*i:][:32], b[nonces+8*i:][:8]
		x.chunks = append(x.chunks, hex.EncodeToString(hash)+"."+hex.EncodeToString(nonce))
	}
	return x, nil
}

// bytes is the size of the i-th chunk.
func (c *chunkIndex) bytes(i int) uint64 {
	if i == len(c.chunks)-1 {
		return c.size - c.each*uint64(i)
	}
	return c.each
}

// chunkBytes is the size of each chunk but the last, as a writer makes them.
const chunkBytes = 16 << 20

// HashOf is the hash by which a file is known: of its bytes, or of its chunk index.
func HashOf(body string) string {
	if len(body) <= maxValue {
		sum := sha256.Sum256([]byte(body))
		return hex.EncodeToString(sum[:])
	}
	x := append([]byte("KVSC\x01\x00\x00\x00"), make([]byte, chunkIndexHead-8)...)
	binary.LittleEndian.PutUint32(x[8:], chunkBytes)
	binary.LittleEndian.PutUint64(x[16:], uint64(len(body)))
	for c := uint32(1); len(body) > 0; c++ {
		chunk := body[:min(len(body), chunkBytes)]
		sum := sha256.Sum256([]byte(chunk))
		x, body = append(x, sum[:]...), body[len(chunk):]
		binary.LittleEndian.PutUint32(x[12:], c)
	}
	sum := sha256.Sum256(x)
	return hex.EncodeToString(sum[:])
}

// hashes reports whether a value has the hash, as a blob, as a part or as a chunk index.
func hashes(value []byte, hash string) bool {
	if sum := sha256.Sum256(value); hex.EncodeToString(sum[:]) == hash {
		return true
	}
	if isPart(value) {
		p, err := readPart(value)
		return err == nil && p.hash == hash
	}
	x, err := readChunkIndex(value)
	return err == nil && x.hash == hash
}
