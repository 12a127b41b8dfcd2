package source

import (
	"bytes"
	"io"
	"sync"
)

const (
	// keptBytes is how much is kept in all, keptBlob how large one of it may be.
	keptBytes = 12 << 20
	keptBlob  = 64 << 10
)

// kept holds the contents of small blobs that were read to be checked, so that
// the upload need not inflate them once more. Each is given once, and what there
// is no room for is read again.
type kept struct {
	mu    sync.Mutex
	bytes int64
	blobs map[string][]byte
}

// keep reads content whole and keeps it, if it is small and there is room. It
// returns a reader of the same bytes, which gives back the error of the reading
// where there was one.
func (k *kept) keep(id string, size int64, content io.Reader) io.Reader {
	if size > keptBlob || !k.reserve(size) {
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
	k.bytes -= int64(len(k.blobs[id])) // nobody took it since it was read before
	k.blobs[id] = data
	return bytes.NewReader(data)
}

// take gives a content away, or nil.
func (k *kept) take(id string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, ok := k.blobs[id]
	if ok {
		delete(k.blobs, id)
		k.bytes -= int64(len(data))
	}
	return data
}

func (k *kept) reserve(size int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bytes+size > keptBytes {
		return false
	}
	k.bytes += size
	return true
}

func (k *kept) release(size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bytes -= size
}

// failing is a reader at the place where reading went wrong.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
