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

// item is one value to be written.
type Item struct {
	Name string // for messages
	Size int64
	Want manifest.Hash // zero: found out while reading
	Open func() (io.ReadCloser, error)
	Key  func(manifest.Hash) string
	// keyBytes is what the key takes in a bulk write, where that may be more
	// than pairBytes has room for.
	KeyBytes int64
	// ttl is after how long KV removes the key; 0 is never.
	TTL time.Duration

	Got       manifest.Hash
	claimed   bool // this item writes its key
	duplicate bool // another item of this run does
	Blobs     int  // how many values it wrote, once all is confirmed

	// chunked is not nil where the file is too large for one value: open then
	// gives what goes up in chunks, and key is that of their index.
	chunked *chunked
}

// value is an item whose bytes are at hand.
func Value(name, key string, b []byte) *Item {
	return &Item{
		Name: name, Size: int64(len(b)), Want: manifest.HashOf(b), Key: func(manifest.Hash) string { return key },
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// newItem writes a file's bytes under the run's key for them. live gives the
// chunks that need not be sent.
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

// read appends the item's bytes to dst as encode gives them, three bytes to
// four at a time, and hashes them on the way.
func (it *Item) read(dst []byte, encode func(dst, p []byte) []byte) ([]byte, error) {
	f, err := it.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	piece := pieces.Get().(*[pieceBytes]byte)
	defer pieces.Put(piece)
	var n int64
	for {
		k, err := io.ReadFull(f, piece[:])
		n += int64(k)
		if n > it.Size {
			return nil, manifest.ErrChanged
		}
		h.Write(piece[:k])
		dst = encode(dst, piece[:k])
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
	if it.Got.IsZero() { // sent again, it is known, and others may be reading it
		it.Got, it.Want = got, got
	}
	return dst, nil
}

// pieceBytes is a multiple of three, so that base64 pads only at the end.
const pieceBytes = 48 << 10

var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}
