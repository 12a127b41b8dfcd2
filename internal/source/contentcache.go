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
func (c *contentCache) store(id string, size int64, content io.Reader) io.Reader {
	if size > maxCachedBlob || !c.reserve(size) {
		return content
	}
	data := make([]byte, size)
	n, err := io.ReadFull(content, data)
	if err != nil {
		c.release(size)
		return io.MultiReader(bytes.NewReader(data[:n]), &failing{err})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blobs == nil {
		c.blobs = map[string][]byte{}
	}
	c.bytes -= int64(len(c.blobs[id])) // an earlier copy that was not taken
	c.blobs[id] = data
	return bytes.NewReader(data)
}

// take removes a content from the cache and returns it, nil if there is none.
func (c *contentCache) take(id string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, ok := c.blobs[id]
	if ok {
		delete(c.blobs, id)
		c.bytes -= int64(len(data))
	}
	return data
}

func (c *contentCache) reserve(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+size > maxCachedBytes {
		return false
	}
	c.bytes += size
	return true
}

func (c *contentCache) release(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= size
}

// failing is a reader that fails.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
