package site

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Blobs checks the blobs of some [manifest.Keys], each blob once.
type Blobs struct {
	*Client
	keys    manifest.Keys
	chunks  indexes
	checked map[manifest.Ref]bool // for each blob that was read, whether it has the hash in its key
}

// Blobs returns a [Blobs] for the blobs of the keys.
func (c *Client) Blobs(keys manifest.Keys) *Blobs {
	return &Blobs{Client: c, keys: keys, chunks: make(indexes), checked: make(map[manifest.Ref]bool)}
}

// indexes has the chunks of chunked assets, by the reference of their index.
type indexes map[manifest.Ref]indexed

// indexed has the chunks of an index, or an error that wraps ErrNotFound or ErrDamaged if
// the index cannot be read.
type indexed struct {
	chunks []manifest.Ref
	err    error
}

// ReadIndexes reads the indexes of the chunked assets. For a missing or damaged index,
// [Blobs.Chunks] returns the error, not this call.
func (b *Blobs) ReadIndexes(ctx context.Context, s cloud.Store, assets []manifest.Asset) error {
	known := b.chunks
	var todo []manifest.Asset
	for _, a := range assets {
		if _, ok := known[a.Blob]; a.Chunked() && !ok {
			known[a.Blob] = indexed{}
			todo = append(todo, a)
		}
	}
	read := make([]indexed, len(todo))
	err := b.EachValue(ctx, len(todo), func(ctx context.Context, i int) error {
		a := todo[i]
		x, err := cloud.ReadAs(ctx, s, b.keys.Blob(a.Blob), func(value []byte) (*manifest.ChunkIndex, error) {
			return manifest.DecodeChunkIndex(value, a)
		})
		switch {
		case err == nil:
			read[i].chunks = x.Chunks
		case cloud.Undecodable(err):
			read[i].err = fmt.Errorf("the chunk index of %s: %w: %w", a.Path, manifest.ErrDamaged, err)
		case errors.Is(err, cloud.ErrNotFound):
			read[i].err = fmt.Errorf("the chunk index of %s: %w", a.Path, err)
		default:
			return fmt.Errorf("read the chunk index of %s: %w", a.Path, err)
		}
		return nil
	})
	for i, a := range todo {
		known[a.Blob] = read[i]
	}
	return err
}

// blobsOf lists the blob of an asset, and its chunks if it has any.
func (i indexes) blobsOf(a manifest.Asset) []manifest.Ref {
	return append([]manifest.Ref{a.Blob}, i[a.Blob].chunks...)
}

// Chunks returns the chunks of an asset after [Blobs.ReadIndexes] has read its index. If
// the index could not be read, the error wraps [cloud.ErrNotFound] or
// [manifest.ErrDamaged].
func (b *Blobs) Chunks(a manifest.Asset) ([]manifest.Ref, error) {
	return b.chunks[a.Blob].chunks, b.chunks[a.Blob].err
}

// Keys are the keys of the blobs and chunks of a manifest whose indexes were read.
func (b *Blobs) Keys(m *manifest.Manifest) (keys []string) {
	for _, a := range m.Assets {
		for _, ref := range b.chunks.blobsOf(a) {
			if _, read := b.chunks[ref]; !read {
				keys = append(keys, b.keys.Blob(ref))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Missing returns the assets whose blob does not exist. Keys that the listing lacks are
// requested one by one, because listings may be outdated. The indexes must have been
// read.
func (b *Blobs) Missing(ctx context.Context, s cloud.Store, m *manifest.Manifest,
	listed map[string]bool) ([]manifest.Asset, error) {
	k, chunks := b.keys, b.chunks
	gone := make(map[manifest.Ref]bool) // blobs that are requested by key, and whether they are missing
	var ask []manifest.Ref
	for _, a := range m.Assets {
		if x, read := chunks[a.Blob]; read {
			gone[a.Blob] = errors.Is(x.err, cloud.ErrNotFound)
		}
		for _, ref := range chunks.blobsOf(a) {
			if _, asked := gone[ref]; !asked && !listed[k.Blob(ref)] {
				gone[ref] = false
				ask = append(ask, ref)
			}
		}
	}
	answers := make([]bool, len(ask))
	err := b.EachValue(ctx, len(ask), func(ctx context.Context, i int) error {
		_, err := s.Get(ctx, k.Blob(ask[i]))
		answers[i] = errors.Is(err, cloud.ErrNotFound)
		if answers[i] {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read blobs that the listing lacks: %w", err)
	}
	for i, ref := range ask {
		gone[ref] = answers[i]
	}
	var missing []manifest.Asset
	for _, a := range m.Assets {
		if slices.ContainsFunc(chunks.blobsOf(a), func(ref manifest.Ref) bool { return gone[ref] }) {
			missing = append(missing, a)
		}
	}
	return missing, nil
}

// Read reads each blob that was not read before, and records whether it has the
// hash in its key. It does not read indexes again: those that could be read have it.
func (b *Blobs) Read(ctx context.Context, s cloud.Store, m *manifest.Manifest) error {
	var todo []manifest.Ref
	for _, a := range m.Assets {
		for _, ref := range b.chunks.blobsOf(a) {
			index := a.Chunked() && ref == a.Blob
			if _, ok := b.checked[ref]; !ok && !index {
				b.checked[ref] = true
				todo = append(todo, ref)
			}
		}
	}
	good := make([]bool, len(todo))
	err := b.EachValue(ctx, len(todo), func(ctx context.Context, i int) error {
		_, err := cloud.ReadAs(ctx, s, b.keys.Blob(todo[i]), todo[i].Hash.Whole)
		// Blobs that do not exist are reported as missing.
		good[i] = err == nil || errors.Is(err, cloud.ErrNotFound)
		if good[i] || errors.Is(err, manifest.ErrDamaged) {
			return nil
		}
		return fmt.Errorf("read blob %s: %w", todo[i], err)
	})
	for i, ref := range todo {
		b.checked[ref] = good[i]
	}
	return err
}

// Corrupt returns the paths of blobs that were read and do not have the hash in their
// key.
func (b *Blobs) Corrupt(m *manifest.Manifest) []string {
	var bad []string
	for _, a := range m.Assets {
		damaged := func(ref manifest.Ref) bool {
			good, read := b.checked[ref]
			return read && !good
		}
		if errors.Is(b.chunks[a.Blob].err, manifest.ErrDamaged) || slices.ContainsFunc(b.chunks.blobsOf(a), damaged) {
			bad = append(bad, a.Path)
		}
	}
	return bad
}
