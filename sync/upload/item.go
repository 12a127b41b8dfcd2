package upload

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Item is one value to be written.
type Item struct {
	// Name is for messages.
	Name string
	// Size is the number of bytes.
	Size int64
	// Want is the hash that the bytes must have; zero if it is not known.
	Want manifest.Hash
	// Open returns a new reader of the bytes from the start.
	Open func() (io.ReadCloser, error)
	// Key is the key of a value with that hash.
	Key func(manifest.Hash) string
	// KeyBytes is the size of a long key in a bulk write (see [KeyBytes]); 0 for a
	// key of the content layout.
	KeyBytes int64
	// TTL is the time after which KV deletes the key; 0 means never.
	TTL time.Duration

	// Got is the hash of the bytes. It is set when they have been read.
	Got manifest.Hash
	// Blobs is the number of values that the item wrote. It is set when all are
	// confirmed.
	Blobs int

	claimed   bool // this item writes its key
	duplicate bool // another item of this run writes the key
	// chunked is nil if the bytes fit into one value. Otherwise Key is the key of the
	// chunk index.
	chunked *chunked
}

// Value returns an item of bytes in memory.
func Value(name, key string, b []byte) *Item {
	return &Item{
		Name: name, Size: int64(len(b)), Want: manifest.HashOf(b), Key: func(manifest.Hash) string { return key },
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// NewItem returns an item of a file. Its key has the nonce n. live has the chunks that do
// not have to be sent, by their hash.
func NewItem(k manifest.Keys, f manifest.File, n manifest.Nonce, live map[manifest.Hash]manifest.Ref) *Item {
	it := &Item{
		Name: f.Path, Size: f.Size, Want: f.Blob.Hash, Open: f.Open,
		Key: func(h manifest.Hash) string { return k.Blob(manifest.Ref{Hash: h, Nonce: n.For(f.Asset)}) },
	}
	if f.Chunked() {
		it.chunked = &chunked{keys: k, nonce: n, live: live}
	}
	return it
}

// read appends the item's bytes to dst, encoded by encode, and computes their hash.
func (it *Item) read(dst []byte, encode func(dst, p []byte) []byte) ([]byte, error) {
	f, err := it.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	buffer := readBuffers.Get().(*[readBytes]byte)
	defer readBuffers.Put(buffer)
	var n int64
	for {
		k, err := io.ReadFull(f, buffer[:])
		n += int64(k)
		if n > it.Size {
			return nil, manifest.ErrChanged
		}
		h.Write(buffer[:k])
		dst = encode(dst, buffer[:k])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	got := manifest.Hash(h.Sum(nil))
	if n != it.Size || (!it.Want.IsZero() && got != it.Want) {
		return nil, manifest.ErrChanged
	}
	if it.Got.IsZero() { // do not set it again in a repetition: other goroutines may read it
		it.Got, it.Want = got, got
	}
	return dst, nil
}

// readBytes is a multiple of three, so that base64 pads only at the end.
const readBytes = 48 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBytes]byte) }}
