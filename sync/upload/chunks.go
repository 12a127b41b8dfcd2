package upload

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kv-sync/kv-sync/sync/manifest"
	"golang.org/x/sync/errgroup"
)

// chunked is what an item has beside the rest if its file goes up in chunks.
type chunked struct {
	keys  manifest.Keys
	nonce manifest.Nonce // of the chunks that this run writes
	// live are chunks that the live manifest's indexes name.
	live map[manifest.Hash]manifest.Ref
	// index is written when every chunk is confirmed.
	index *manifest.ChunkIndex
}

// sendChunks reads a file once, front to back, and begins to send each chunk
// that is neither live nor sent by this run already. It returns when the file is
// read. A chunk's bytes are held until it is confirmed, so a request that fails
// is sent again without another reading of the file.
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
	// Only its end shows that the file has no more, and that its source was good.
	switch _, err := io.ReadFull(f, make([]byte, 1)); {
	case err == nil:
		return manifest.ErrChanged
	case !errors.Is(err, io.EOF):
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

// take reports whether nothing else of this run writes the key; then the caller
// does. Equal chunks share a key, and a key takes one write a second.
func (u *uploader) take(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.taken[key] {
		return false
	}
	u.taken[key] = true
	return true
}

// indexesOf are the values that finish the files once their chunks are confirmed.
func (u *uploader) indexesOf(files []*Item) []*Item {
	var out []*Item
	for _, it := range files {
		size := int64(manifest.ChunkIndexBytes(len(it.chunked.index.Chunks)))
		if it.duplicate {
			u.advance(1, size)
			continue
		}
		v := Value(it.Name, it.Key(it.Got), it.chunked.index.Encode())
		v.claimed = true // when the file was read
		it.Blobs++
		out = append(out, v)
	}
	return out
}
