package kvsync

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"
)

// item is one value to be written.
type item struct {
	name string // for messages
	size int64
	want Hash // zero: found out while reading
	open func() (io.ReadCloser, error)
	key  func(Hash) string
	// keyBytes is what the key takes in a bulk write, where that may be more
	// than pairBytes has room for.
	keyBytes int64
	// ttl is after how long KV removes the key; 0 is never.
	ttl time.Duration

	got       Hash
	claimed   bool // this item writes its key
	duplicate bool // another item of this run does
	blobs     int  // how many values it wrote, once all is confirmed

	// chunked is not nil where the file is too large for one value: open then
	// gives what goes up in chunks, and key is that of their index.
	chunked *chunked
}

// value is an item whose bytes are at hand.
func value(name, key string, b []byte) *item {
	return &item{
		name: name, size: int64(len(b)), want: HashOf(b), key: func(Hash) string { return key },
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// newItem writes a file's bytes under the run's key for them. live gives the
// chunks that need not be sent.
func newItem(k keys, f File, n Nonce, live map[Hash]Ref) *item {
	it := &item{
		name: f.Path, size: f.Size, want: f.Blob.Hash, open: f.Open,
		key: func(h Hash) string { return k.Blob(Ref{Hash: h, Nonce: n.For(f.Asset)}) },
	}
	if f.Chunked() {
		it.chunked = &chunked{keys: k, nonce: n, live: live}
	}
	return it
}

// read appends the item's bytes to dst as encode gives them, three bytes to
// four at a time, and hashes them on the way.
func (it *item) read(dst []byte, encode func(dst, p []byte) []byte) ([]byte, error) {
	f, err := it.open()
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
		if n > it.size {
			return nil, ErrChanged
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
	got := Hash(h.Sum(nil))
	if n != it.size || (!it.want.IsZero() && got != it.want) {
		return nil, ErrChanged
	}
	if it.got.IsZero() { // sent again, it is known, and others may be reading it
		it.got, it.want = got, got
	}
	return dst, nil
}

// pieceBytes is a multiple of three, so that base64 pads only at the end.
const pieceBytes = 48 << 10

var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}
