package kv

import (
	"bytes"
	"sync"
)

// buffers reuses the memory of request bodies, so that many bulk writes need only a few
// megabytes.
var buffers bufferPool

type bufferPool struct{ pool sync.Pool }

// maxPooled is the largest buffer that is reused. Larger ones are rare.
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
