package source

import (
	"bytes"
	"io"
	"sync"
)

const (
	// maxCachedBytes bounds all contents, maxCachedBlob one of them.
	maxCachedBytes = 12 << 20
	maxCachedBlob  = 64 << 10
)

// contentCache keeps the contents of small blobs that were read for a check, so that the upload
// does not read them again. Taking a content removes it. The upload reads other blobs again.
type contentCache struct {
	mu    sync.Mutex
	bytes int64
	blobs map[string][]byte
}

// store reads content and keeps it if it is small and the cache has space. It returns a reader of
// the same bytes, which fails at the same place if content does.
func (k *contentCache) store(id string, size int64, content io.Reader) io.Reader {
	if size > maxCachedBlob || !k.reserve(size) {
		return content
	}
	data := make([]byte, size)
	n, err := io.ReadFull(content, data)
	if err != nil {
		k.release(size)
		return io.MultiReader(bytes.NewReader(data[:n]), &failing{err})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.blobs == nil {
		k.blobs = map[string][]byte{}
	}
	k.bytes -= int64(len(k.blobs[id])) // an earlier copy that was not taken
	k.blobs[id] = data
	return bytes.NewReader(data)
}

// take removes a content from the cache and returns it, nil if there is none.
func (k *contentCache) take(id string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, ok := k.blobs[id]
	if ok {
		delete(k.blobs, id)
		k.bytes -= int64(len(data))
	}
	return data
}

func (k *contentCache) reserve(size int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bytes+size > maxCachedBytes {
		return false
	}
	k.bytes += size
	return true
}

func (k *contentCache) release(size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes -= size
}

// failing is a reader that fails.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
