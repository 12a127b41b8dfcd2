package kvassets

import (
	"bytes"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// InModules reports whether a Worker's modules hold the index as it is, as
// include_bytes! compiles it in: in one piece of a module's bytes, or of the
// memory that a WebAssembly module begins with. Tools that make modules smaller
// leave long runs of zeros out of the latter, so bytes that belong together need
// not lie together in the file.
func InModules(modules []cloud.Module, index []byte) bool {
	for _, m := range modules {
		if bytes.Contains(m.Content, index) {
			return true
		}
		if memory := wasmMemory(m.Content); memory != nil && bytes.Contains(append(memory, zeros[:]...), index) {
			return true
		}
	}
	return false
}

// zeros are more than an index can end in: behind what a module's segments say its
// memory is zero.
var zeros [64]byte

// maxWasmMemory bounds what wasmMemory makes, whatever a module says.
const maxWasmMemory = 128 << 20 // what a Worker may have

// wasmMemory is the memory that a WebAssembly module begins with, as far as its
// active data segments tell it; nil of what is no such module.
func wasmMemory(module []byte) []byte {
	rest, ok := bytes.CutPrefix(module, []byte("\x00asm\x01\x00\x00\x00"))
	if !ok {
		return nil
	}
	r := wasmReader{rest: rest}
	for len(r.rest) > 0 && !r.bad {
		const dataSection = 11
		id, body := r.byte(), r.take(r.number())
		if id == dataSection && !r.bad {
			return wasmData(body)
		}
	}
	return nil
}

func wasmData(section []byte) (memory []byte) {
	r := wasmReader{rest: section}
	for n := r.number(); n > 0 && !r.bad; n-- {
		const active, passive, activeIn = 0, 1, 2
		kind := r.number()
		if kind == activeIn {
			r.number() // the memory's index
		}
		at, known := uint64(0), false
		if kind == active || kind == activeIn {
			at, known = r.offset()
		} else if kind != passive {
			return memory
		}
		data := r.take(r.number())
		end := at + uint64(len(data))
		if r.bad || !known || end > maxWasmMemory {
			continue
		}
		if end > uint64(len(memory)) {
			memory = append(memory, make([]byte, end-uint64(len(memory)))...)
		}
		copy(memory[at:], data)
	}
	return memory
}

// wasmReader reads WebAssembly's binary format. After an error it gives zeros.
type wasmReader struct {
	rest []byte
	bad  bool
}

func (r *wasmReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *wasmReader) byte() byte {
	b := r.take(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// number reads LEB128 of at most 32 bits.
func (r *wasmReader) number() (n uint64) {
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

// offset reads where an active segment lies, an expression that may be anything;
// known is false where it is no number.
func (r *wasmReader) offset() (at uint64, known bool) {
	const i32Const, globalGet, end = 0x41, 0x23, 0x0b
	switch r.byte() {
	case i32Const:
		// A signed number; addresses above 2 GiB, which would be negative, lie
		// beyond what a Worker has.
		at, known = r.number(), true
	case globalGet:
		r.number()
	default:
		r.bad = true
	}
	if r.byte() != end {
		r.bad = true
	}
	return at, known
}
