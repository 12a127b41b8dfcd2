package kvsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// indexes tells which chunks chunked assets have, by their index's reference.
type indexes map[manifest.Ref]indexed

// indexed is an index that was read, or why there is none: err wraps
// ErrNotFound or errDamaged.
type indexed struct {
	chunks []manifest.Ref
	err    error
}

// readIndexes adds the indexes that the chunked ones of the assets have and that
// are not known yet. One that is gone or damaged is no error of this call.
func (e *Engine) readIndexes(ctx context.Context, s cloud.Store, assets []manifest.Asset, known indexes) error {
	var todo []manifest.Asset
	for _, a := range assets {
		if _, ok := known[a.Blob]; a.Chunked() && !ok {
			known[a.Blob] = indexed{}
			todo = append(todo, a)
		}
	}
	read := make([]indexed, len(todo))
	err := e.eachBlob(ctx, len(todo), func(ctx context.Context, i int) error {
		a := todo[i]
		b, err := s.Get(ctx, manifest.Keys(e.Site).Blob(a.Blob))
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

// blobsOf lists what an asset needs: its blob, and its chunks if it has some.
func (x indexes) blobsOf(a manifest.Asset) []manifest.Ref {
	return append([]manifest.Ref{a.Blob}, x[a.Blob].chunks...)
}

// liveChunks are the chunks that a plan need not upload, by their hash: those of
// the live files that it replaces. An index that is gone or damaged gives none.
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
