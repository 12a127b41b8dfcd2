package kvassets

import "testing"

// Whatever a module claims, reading it takes no more memory than a Worker has.
func FuzzWasmMemory(f *testing.F) {
	const header = "\x00asm\x01\x00\x00\x00"
	good := header + "\x05\x03\x01\x00\x01" + "\x0b\x0f\x02\x00\x41\x02\x0b\x02ab" + "\x00\x41\x06\x0b\x02cd"
	if m := wasmMemory([]byte(good)); string(m) != "\x00\x00ab\x00\x00cd" {
		f.Fatalf("%q", m)
	}
	f.Add([]byte(good))
	f.Add([]byte(header + "\x0b\x80\x80\x80\x80\x80\x80"))
	f.Add([]byte(header + "\x0b\x0a\x01\x00\x41\x80\x80\xc0\x40\x0b\x01x")) // at 129 MiB
	f.Add([]byte(header + "\x0b\x09\x02\x01\x01x\x02\x00\x23\x00\x0b\x00"))
	f.Fuzz(func(t *testing.T, module []byte) {
		if m := wasmMemory(module); len(m) > maxWasmMemory {
			t.Errorf("%d bytes", len(m))
		}
	})
}
