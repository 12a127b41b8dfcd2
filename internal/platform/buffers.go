package platform

import (
	"bytes"
	"sync"
)

// buffers holds request bodies between requests, so that a run of bulk writes
// works in the same few megabytes.
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

// maxPooled keeps the rare very large body from being held for ever.
const maxPooled = 16 << 20

func (p *bufferPool) get() *bytes.Buffer {
	if b, ok := p.pool.Get().(*bytes.Buffer); ok {
		b.Reset()
		return b
	}
	return new(bytes.Buffer)
}

func (p *bufferPool) put(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		p.pool.Put(b)
	}
}
