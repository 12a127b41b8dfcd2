package upload

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// chunked is the state of an item whose file is sent in chunks.
type chunked struct {
	keys  manifest.Keys
	nonce manifest.Nonce // of the chunks that this run writes
	// live are the chunks that the live manifest has, by their hash.
	live map[manifest.Hash]manifest.Ref
	// index is complete when the file has been read.
	index *manifest.ChunkIndex
}

// sendChunks reads a file once and starts to send each chunk that is neither live nor
// sent by this run already. It returns when the file has been read. The bytes of a chunk
// are kept until it is confirmed, so that a failed request can be repeated without
// reading the file again.
func (u *uploader) sendChunks(ctx context.Context, g *errgroup.Group, it *Item) error {
	f, err := it.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	c, x := it.chunked, manifest.NewChunkIndex(it.Size)
	for left := it.Size; left > 0; left -= manifest.ChunkBytes {
		size := min(left, manifest.ChunkBytes)
		if err := u.Budget.take(ctx, manifest.ChunkBytes, u.Memory); err != nil {
			return err
		}
		body := u.Budget.buffer(manifest.ChunkBytes, u.Memory)[:size]
		if _, err := io.ReadFull(f, body); err != nil {
			u.Budget.give(manifest.ChunkBytes)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return manifest.ErrChanged
			}
			return err
		}
		hash := manifest.HashOf(body)
		ref, live := c.live[hash]
		if !live {
			ref = manifest.Ref{Hash: hash, Nonce: c.nonce}
		}
		x.Chunks = append(x.Chunks, ref)
		if key := c.keys.Blob(ref); live || !u.take(key) {
			u.Budget.recycle(body)
			u.Budget.give(manifest.ChunkBytes)
			u.advance(0, size)
		} else {
			it.Blobs++
			g.Go(func() error {
				defer u.Budget.give(manifest.ChunkBytes)
				if err := u.store.Put(ctx, key, body); err != nil {
					return fmt.Errorf("upload %s: %w", it.Name, err)
				}
				u.Budget.recycle(body)
				u.advance(0, size)
				return nil
			})
		}
	}
	if err := atEnd(f); err != nil {
		return err
	}
	got := x.Hash()
	if !it.Want.IsZero() && got != it.Want {
		return manifest.ErrChanged
	}
	c.index, it.Got, it.Want = x, got, got
	u.claim(it, it.Key(got))
	return nil
}

// atEnd returns an error if the file has more bytes, or if its source could not read
// it to the end.
func atEnd(f io.Reader) error {
	switch _, err := io.ReadFull(f, make([]byte, 1)); {
	case err == nil:
		return manifest.ErrChanged
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// take reports whether the caller has to write the key. It returns true once for each key:
// equal chunks have the same key, and KV accepts one write a second to a key.
func (u *uploader) take(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.taken[key] {
		return false
	}
	u.taken[key] = true
	return true
}

// indexesOf returns the chunk indexes of the files. All their chunks are confirmed.
func (u *uploader) indexesOf(files []*Item) []*Item {
	var out []*Item
	for _, it := range files {
		size := int64(manifest.ChunkIndexBytes(len(it.chunked.index.Chunks)))
		if it.duplicate {
			u.advance(1, size)
			continue
		}
		v := Value(it.Name, it.Key(it.Got), it.chunked.index.Encode())
		v.claimed = true // it was claimed when the file was read
		it.Blobs++
		out = append(out, v)
	}
	return out
}
