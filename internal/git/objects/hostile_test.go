package objects

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
)

// deflate returns content as git stores it.
func deflate(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.WriteString(z, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packHeader returns the header of a pack's entry.
func packHeader(kind byte, size uint64) []byte {
	b := []byte{kind<<4 | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

// packedID returns the id of the n-th object of a pack.
func packedID(n byte) string { return hex.EncodeToString([]byte{n}) + strings.Repeat("0", 38) }

// packOf returns a pack with these entries, and its index. If fanout is not nil, it changes the
// index's fan-out table.
func packOf(t testing.TB, entries [][]byte, fanout func(table []uint32)) (data, index []byte) {
	t.Helper()
	data = binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(entries)))
	var offsets []byte
	for _, e := range entries {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(data)))
		data = append(data, e...)
	}
	data = append(data, make([]byte, SHA1Bytes)...)
	table := make([]uint32, 256)
	for i := range table {
		table[i] = uint32(min(i+1, len(entries)))
	}
	if fanout != nil {
		fanout(table)
	}
	index = []byte(indexMagic)
	for _, n := range table {
		index = binary.BigEndian.AppendUint32(index, n)
	}
	for n := range entries {
		index = append(index, gittest.Unhex(t, packedID(byte(n)))...)
	}
	index = append(index, make([]byte, 4*len(entries))...) // checksums
	return data, append(append(index, offsets...), make([]byte, 2*SHA1Bytes)...)
}

// writePack makes an object directory with one pack: see packOf.
func writePack(t *testing.T, entries [][]byte, fanout func(table []uint32)) *fileStore {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o755); err != nil {
		t.Fatal(err)
	}
	data, index := packOf(t, entries, fanout)
	for name, content := range map[string][]byte{"p.pack": data, "p.idx": index} {
		if err := os.WriteFile(filepath.Join(dir, "objects", "pack", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openFiles(Layout{GitDir: dir, CommonDir: dir, ObjectDir: filepath.Join(dir, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// contentOf reads the content of the n-th object.
func contentOf(t *testing.T, s *fileStore, n byte) (string, error) {
	t.Helper()
	_, _, content, err := s.open(t.Context(), packedID(n))
	if err != nil {
		return "", err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	return string(b), err
}

// A hostile pack gives errors. Reading it does not panic, ends in bounded time, and takes no more
// memory than the pack can fill.
func TestHostilePack(t *testing.T) {
	t.Parallel()
	blob := append(packHeader(3, 5), deflate(t, "hello")...)
	delta := func(base, text string) []byte {
		return append(append(packHeader(refDelta, uint64(len(text))), gittest.Unhex(t, base)...), deflate(t, text)...)
	}
	if got, err := contentOf(t, writePack(t, [][]byte{blob, delta(packedID(0), "\x05\x02\x02hi")}, nil), 1); err != nil ||
		got != "hi" {
		t.Fatalf("a good pack gives %q, %v", got, err)
	}

	t.Run("fan-out table that is not sorted", func(t *testing.T) {
		s := writePack(t, [][]byte{blob, blob, blob}, func(table []uint32) { table[0], table[1] = 3, 1 })
		if _, err := contentOf(t, s, 1); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
	t.Run("size of more than the pack can hold", func(t *testing.T) {
		s := writePack(t, [][]byte{append(packHeader(3, 1<<40), deflate(t, "hello")...)}, nil)
		if _, _, err := s.stat(t.Context(), packedID(0)); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
	t.Run("cycle of deltas", func(t *testing.T) {
		s := writePack(t, [][]byte{delta(packedID(1), "\x05\x05\x01x"), delta(packedID(0), "\x05\x05\x01x")}, nil)
		if _, err := contentOf(t, s, 0); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
		if n := s.count.read.Load(); n > 2<<20 {
			t.Errorf("%d bytes were read to detect the cycle", n)
		}
	})
	t.Run("delta with a huge result", func(t *testing.T) {
		text := binary.AppendUvarint(binary.AppendUvarint(nil, 5), maxMeta+1)
		s := writePack(t, [][]byte{blob, delta(packedID(0), string(text))}, nil)
		if _, err := contentOf(t, s, 1); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Error(err)
		}
	})
	t.Run("delta of a missing base", func(t *testing.T) {
		s := writePack(t, [][]byte{blob, delta(packedID(9), "\x05\x02\x02hi")}, nil)
		if _, err := contentOf(t, s, 1); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
}

// An index of an unsupported version is an error. If it were read as version 2, its objects
// would seem to be missing, and the order of its commits unknown.
func TestPackIndexOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a", "a").Commit("one")
	w.Git("-c", "pack.indexVersion=1", "repack", "-adfq")
	s, err := openFiles(Layout{GitDir: w.Path(".git"), CommonDir: w.Path(".git"), ObjectDir: w.Path(".git/objects")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.stat(t.Context(), w.Git("rev-parse", "HEAD")); err == nil || errors.Is(err, ErrNoObject) ||
		!strings.Contains(err.Error(), "git repack") {
		t.Error(err)
	}
}

// A loose object whose header has a wrong or invalid size is corrupt.
func TestLooseObjectWithAWrongSize(t *testing.T) {
	t.Parallel()
	w := gittest.New(t)
	w.Write("a.html", "hello").Commit("one")
	blob := w.Git("rev-parse", "HEAD:a.html")
	name := w.Path(".git/objects/" + blob[:2] + "/" + blob[2:])
	for _, text := range []string{"blob 3\x00hello", "blob 9\x00hello", "blob -5\x00hello", "blob x\x00hello",
		"blob 5hello", "blob 0\x00hello"} {
		w.Remove(strings.TrimPrefix(name, w.Dir))
		if err := os.WriteFile(name, deflate(t, text), 0o600); err != nil {
			t.Fatal(err)
		}
		content, err := opened(t, w).Blob(t.Context(), blob)
		if err == nil {
			_, err = io.ReadAll(content)
			content.Close()
		}
		if !errors.Is(err, errCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
