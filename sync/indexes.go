package kvsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// indexes are the chunks of chunked assets, by the reference of their index.
type indexes map[manifest.Ref]indexed

// indexed is an index that was read, or why it cannot be read: err wraps ErrNotFound or
// ErrDamaged.
type indexed struct {
	chunks []manifest.Ref
	err    error
}

// readIndexes adds the indexes of the chunked assets to known. A missing or damaged
// index is not an error of this call.
func (e *Engine) readIndexes(ctx context.Context, s cloud.Store, assets []manifest.Asset, known indexes) error {
	var todo []manifest.Asset
	for _, a := range assets {
		if _, ok := known[a.Blob]; a.Chunked() && !ok {
			known[a.Blob] = indexed{}
			todo = append(todo, a)
		}
	}
	read := make([]indexed, len(todo))
	err := e.EachValue(ctx, len(todo), func(ctx context.Context, i int) error {
		a := todo[i]
		b, err := cloud.ReadValid(ctx, s, e.Keys().Blob(a.Blob), func(b []byte) bool {
			_, err := manifest.DecodeChunkIndex(b, a)
			return err == nil
		})
		if err != nil && !errors.Is(err, cloud.ErrNotFound) {
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		var x *manifest.ChunkIndex
		if err == nil {
			if x, err = manifest.DecodeChunkIndex(b, a); err != nil {
				err = fmt.Errorf("%w: %w", manifest.ErrDamaged, err)
			}
		}
		if err != nil {
			read[i].err = fmt.Errorf("the chunk index of %s: %w", a.Path, err)
		} else {
			read[i].chunks = x.Chunks
		}
		return nil
	})
	for i, a := range todo {
		known[a.Blob] = read[i]
	}
	return err
}

// blobsOf lists the blob of an asset, and its chunks if it has any.
func (x indexes) blobsOf(a manifest.Asset) []manifest.Ref {
	return append([]manifest.Ref{a.Blob}, x[a.Blob].chunks...)
}

// liveChunks are the chunks that a plan does not have to upload, by their hash: those
// of the live files that it replaces. A missing or damaged index has none.
func (e *Engine) liveChunks(ctx context.Context, p *draft) (map[manifest.Hash]manifest.Ref, error) {
	if len(p.replaced) == 0 {
		return nil, nil
	}
	read := make(indexes)
	if err := e.readIndexes(ctx, e.Account.Store(p.namespace), p.replaced, read); err != nil {
		return nil, err
	}
	live := make(map[manifest.Hash]manifest.Ref)
	for _, x := range read {
		for _, ref := range x.chunks {
			live[ref.Hash] = ref
		}
	}
	return live, nil
}
