package objects

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// fuzzedPack is a pack with an object and a delta of it, and the pack's index.
func fuzzedPack(f *testing.F) (data, index []byte) {
	blob := append(packHeader(3, 5), deflate(f, "hello")...)
	text := "\x05\x02\x02hi"
	delta := append(append(packHeader(refDelta, uint64(len(text))), gittest.Unhex(f, packedID(0))...), deflate(f, text)...)
	back := append(append(packHeader(offsetDelta, uint64(len(text))), byte(len(blob)+len(delta))), deflate(f, text)...)
	data, index = packOf(f, [][]byte{blob, delta, back}, nil)
	return data, index
}

// Whatever a pack and its index contain, reading an object gives an error, or as many bytes as its
// header says. It does not take more memory than the pack can fill.
func FuzzPack(f *testing.F) {
	data, index := fuzzedPack(f)
	f.Add(data, index)
	f.Add(data[:20], index)
	f.Add(data, index[:indexIDs])
	f.Add([]byte("PACK"), []byte(indexMagic))
	dir := f.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data, index []byte) {
		for name, content := range map[string][]byte{"p.pack": data, "p.idx": index} {
			if err := os.WriteFile(filepath.Join(dir, "objects", "pack", name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openFiles(Layout{GitDir: dir, CommonDir: dir, ObjectDir: filepath.Join(dir, "objects")})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for n := range byte(3) {
			kind, size, content, err := s.open(t.Context(), packedID(n))
			if err != nil {
				continue
			}
			got, err := io.Copy(io.Discard, content)
			content.Close()
			if err == nil && got != size || kind == "" || size < 0 {
				t.Errorf("object %d is a %q of %d bytes, and %d were read", n, kind, size, got)
			}
		}
		runtime.ReadMemStats(&after)
		// Zlib can fill at most 1,100 times a stream's length; the buffers take the rest.
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(len(data))*1100*4+8<<20; took > most {
			t.Errorf("reading a pack of %d bytes allocated %d bytes", len(data), took)
		}
	})
}

// A delta says how long its result is; no delta that is applied gives another length.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("hello"), []byte("\x05\x02\x02hi"))
	f.Add([]byte("hello"), []byte("\x05\x05\x90\x05"))
	f.Add([]byte{}, binary.AppendUvarint([]byte{0}, 1<<41))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		size, err := deltaTarget(delta)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Error(err)
			}
			return
		}
		if size < 0 || size > 1<<40 {
			t.Errorf("the result has %d bytes", size)
		}
		if size > 1<<20 {
			return
		}
		blob := append(packHeader(3, uint64(len(base))), deflate(t, string(base))...)
		patch := append(append(packHeader(refDelta, uint64(len(delta))), gittest.Unhex(t, packedID(0))...),
			deflate(t, string(delta))...)
		got, err := contentOf(t, writePack(t, [][]byte{blob, patch}, nil), 1)
		if err == nil && int64(len(got)) != size {
			t.Errorf("the result has %d bytes instead of %d", len(got), size)
		}
	})
}
