package kvassets

import (
	"bytes"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// InModules reports whether a Worker's modules contain the bytes of the index, as
// include_bytes! compiles them in: contiguous in the bytes of a module, or contiguous in
// the initial memory of a WebAssembly module. The memory is compared too because tools
// that shrink modules leave out long runs of zeros, so the bytes of an index need not be
// contiguous in the module.
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

// zeros is appended to the memory that the data segments fill, because the memory after
// them is zero. It is longer than the zeros at the end of any index.
var zeros [64]byte

// maxWasmMemory bounds what wasmMemory allocates: a module may claim any size.
const maxWasmMemory = 128 << 20 // the memory limit of a Worker

// wasmMemory returns the initial memory of a WebAssembly module, as far as its active
// data segments determine it. It returns nil if module is not WebAssembly.
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

// wasmReader reads WebAssembly's binary format. After an error it returns zeros.
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

// number reads a LEB128 number of at most 32 bits.
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

// offset reads the expression that is the address of an active segment. known is false
// if the expression is not a constant.
func (r *wasmReader) offset() (at uint64, known bool) {
	const i32Const, globalGet, end = 0x41, 0x23, 0x0b
	switch r.byte() {
	case i32Const:
		// The number is signed. Addresses above 2 GiB would be negative, but a
		// Worker does not have that much memory.
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
