package rules

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Digest checks the beginning of content and, if whole is set, hashes all of it.
func Digest(ctx context.Context, content io.Reader, size int64, whole bool) (hash manifest.Hash, p Problem, err error) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	var head []byte
	if size <= InspectBytes {
		head = (*buffer)[:size]
		n, err := io.ReadFull(content, head)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			return hash, p, err
		}
		head = head[:n]
		p = checkContent(head)
	}
	if !whole {
		return hash, p, nil
	}
	h := manifest.NewHasher(size)
	_, _ = h.Write(head)
	if _, err = io.CopyBuffer(h, &cancelableReader{ctx, content}, *buffer); err != nil {
		return hash, p, err
	}
	return h.Sum(), p, nil
}

// cancelableReader stops reading when its context ends, because hashing gigabytes takes long. It
// has no method but Read, so that io.CopyBuffer uses the given buffer.
type cancelableReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *cancelableReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}
