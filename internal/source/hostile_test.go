package source

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// deflate is content as git stores it.
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

// packHeader begins an entry of a pack.
func packHeader(kind byte, size uint64) []byte {
	b := []byte{kind<<4 | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

// packedID is the id of the n-th object of a pack.
func packedID(n byte) string { return hex.EncodeToString([]byte{n}) + strings.Repeat("0", 38) }

// writePack makes an object directory with one pack of these entries. The index's
// table of first bytes may be changed before it is written.
func writePack(t *testing.T, entries [][]byte, fanout func(table []uint32)) *storage {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "objects", "pack"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(entries)))
	var offsets []byte
	for _, e := range entries {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(data)))
		data = append(data, e...)
	}
	data = append(data, make([]byte, sha1Bytes)...)
	table := make([]uint32, 256)
	for i := range table {
		table[i] = uint32(min(i+1, len(entries)))
	}
	if fanout != nil {
		fanout(table)
	}
	index := []byte(indexMagic)
	for _, n := range table {
		index = binary.BigEndian.AppendUint32(index, n)
	}
	for n := range entries {
		index = append(index, unhex(t, packedID(byte(n)))...)
	}
	index = append(index, make([]byte, 4*len(entries))...) // checksums
	index = append(append(index, offsets...), make([]byte, 2*sha1Bytes)...)
	for name, content := range map[string][]byte{"p.pack": data, "p.idx": index} {
		if err := os.WriteFile(filepath.Join(dir, "objects", "pack", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStorage(layout{gitDir: dir, commonDir: dir, objectDir: filepath.Join(dir, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// contentOf reads the n-th object whole.
func contentOf(t *testing.T, s *storage, n byte) (string, error) {
	t.Helper()
	_, _, content, err := s.open(t.Context(), packedID(n))
	if err != nil {
		return "", err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	return string(b), err
}

// A pack that somebody made by hand gives errors: it ends no daemon, takes no
// memory that it cannot fill, and keeps nobody busy.
func TestHostilePack(t *testing.T) {
	t.Parallel()
	blob := append(packHeader(3, 5), deflate(t, "hello")...)
	delta := func(base, text string) []byte {
		return append(append(packHeader(refDelta, uint64(len(text))), unhex(t, base)...), deflate(t, text)...)
	}
	if got, err := contentOf(t, writePack(t, [][]byte{blob, delta(packedID(0), "\x05\x02\x02hi")}, nil), 1); err != nil || got != "hi" {
		t.Fatalf("a good pack gives %q, %v", got, err)
	}

	t.Run("a table that runs backwards", func(t *testing.T) {
		s := writePack(t, [][]byte{blob, blob, blob}, func(table []uint32) { table[0], table[1] = 3, 1 })
		if _, err := contentOf(t, s, 1); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
	t.Run("a size that the pack cannot hold", func(t *testing.T) {
		s := writePack(t, [][]byte{append(packHeader(3, 1<<40), deflate(t, "hello")...)}, nil)
		if _, _, err := s.stat(t.Context(), packedID(0)); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
	t.Run("deltas that go round", func(t *testing.T) {
		s := writePack(t, [][]byte{delta(packedID(1), "\x05\x05\x01x"), delta(packedID(0), "\x05\x05\x01x")}, nil)
		if _, err := contentOf(t, s, 0); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
		if n := s.count.read.Load(); n > 2<<20 {
			t.Errorf("%d bytes were read to find that out", n)
		}
	})
	t.Run("a delta that makes too much", func(t *testing.T) {
		text := binary.AppendUvarint(binary.AppendUvarint(nil, 5), maxMeta+1)
		s := writePack(t, [][]byte{blob, delta(packedID(0), string(text))}, nil)
		if _, err := contentOf(t, s, 1); err == nil || !strings.Contains(err.Error(), "too many") {
			t.Error(err)
		}
	})
	t.Run("a delta of nothing", func(t *testing.T) {
		s := writePack(t, [][]byte{blob, delta(packedID(9), "\x05\x02\x02hi")}, nil)
		if _, err := contentOf(t, s, 1); !errors.Is(err, errCorrupt) {
			t.Error(err)
		}
	})
}

// An index of a version that is not read says so. Read as the other, its objects
// would count as missing, and where they are commits the order as unknown.
func TestPackIndexOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a", "a").commit("one")
	w.git("-c", "pack.indexVersion=1", "repack", "-adfq")
	s, err := openStorage(layout{gitDir: w.path(".git"), commonDir: w.path(".git"), objectDir: w.path(".git/objects")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.stat(t.Context(), w.git("rev-parse", "HEAD")); err == nil || errors.Is(err, errNoObject) || !strings.Contains(err.Error(), "git repack") {
		t.Error(err)
	}
}

// A loose object that is longer or shorter than it says, or says a size that no
// object has, is corrupt; nothing of it is published as if it were whole.
func TestLooseObjectWithAWrongSize(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.write("a.html", "hello").commit("one")
	blob := w.git("rev-parse", "HEAD:a.html")
	name := w.path(".git/objects/" + blob[:2] + "/" + blob[2:])
	for _, text := range []string{"blob 3\x00hello", "blob 9\x00hello", "blob -5\x00hello", "blob x\x00hello", "blob 5hello", "blob 0\x00hello"} {
		w.remove(strings.TrimPrefix(name, w.dir))
		if err := os.WriteFile(name, deflate(t, text), 0o600); err != nil {
			t.Fatal(err)
		}
		content, err := w.openCommit(Options{}).objects.blob(t.Context(), blob)
		if err == nil {
			_, err = io.ReadAll(content)
			content.Close()
		}
		if !errors.Is(err, errCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// An id that a tree gives to a file, and that is a commit's, is no file.
func TestTreeNamesACommit(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	id := w.write("a.html", "a").commit("one")
	o := w.openCommit(Options{}).objects
	for kind, id := range map[string]string{"commit": id, "tree": w.git("rev-parse", "HEAD^{tree}")} {
		if _, err := o.blobSize(t.Context(), id); err == nil {
			t.Errorf("the %s has a size as a blob", kind)
		}
		if content, err := o.blob(t.Context(), id); err == nil {
			content.Close()
			t.Errorf("the %s was opened as a blob", kind)
		}
	}
	root := w.gitIn(w.dir, "100644 secret.html\x00"+unhex(t, id), "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	c := w.openCommit(Options{Revision: w.git("commit-tree", root, "-m", "hostile")})
	if _, err := c.Files(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "it is a commit") {
		t.Error(err)
	}
}

// A tree that is cut off anywhere is corrupt, unless it is cut between entries.
func TestTruncatedTree(t *testing.T) {
	t.Parallel()
	one := "100644 a\x00" + strings.Repeat("x", sha1Bytes)
	whole := one + "40000 dir\x00" + strings.Repeat("y", sha1Bytes)
	for n := range len(whole) + 1 {
		entries, err := parseTree([]byte(whole[:n]), sha1Bytes)
		between := n == 0 || n == len(one) || n == len(whole)
		if (err == nil) != between {
			t.Errorf("of %d bytes it is %v, %v", n, entries, err)
		}
	}
}

// rawIndex is an index of version 4 with these entries' names, and what follows
// the entries.
func rawIndex(count uint32, entries, rest []byte) []byte {
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("DIRC"), 4), count)
	return append(append(append(data, entries...), rest...), make([]byte, sha1Bytes)...)
}

// rawEntry is an entry that takes so many bytes off the name before it.
func rawEntry(cut byte, name string) []byte {
	return append(append(make([]byte, entryStat+sha1Bytes+2), cut), name+"\x00"...)
}

func extension(name string, size uint32, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(name), size), body...)
}

// An index that somebody made by hand gives an error, and neither panics nor takes
// memory for more than it has.
func TestHostileIndex(t *testing.T) { // not in parallel: it counts what is allocated
	good := rawEntry(0, "a.html")
	if entries, _, err := decodeIndex(rawIndex(1, good, extension("TREE", 2, "xx")), sha1Bytes); err != nil || len(entries) != 1 {
		t.Fatalf("a good index gives %v, %v", entries, err)
	}
	for name, data := range map[string][]byte{
		"more entries than it has":    rawIndex(2, good, nil),
		"a name that cuts too much":   rawIndex(2, append(bytes.Clone(good), rawEntry(7, "b")...), nil),
		"an extension that is cut":    rawIndex(1, good, extension("TREE", 30, "xx")),
		"an extension that cuts all":  rawIndex(1, good, extension("TREE", 60, "xx")),
		"an extension without an end": rawIndex(1, good, extension("TREE", 1<<31, "")),
		"a meaning that is not known": rawIndex(1, good, extension("what", 0, "")),
		"a version that is not known": append([]byte("DIRC\x00\x00\x00\x09\x00\x00\x00\x00"), make([]byte, 40)...),
	} {
		if entries, _, err := decodeIndex(data, sha1Bytes); err == nil {
			t.Errorf("%s: it was read as %v", name, entries)
		}
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := decodeIndex(rawIndex(2_000_000, good, nil), sha1Bytes)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 50<<20 {
		t.Errorf("an index of %d bytes took %d MiB: %v", len(rawIndex(1, good, nil)), took>>20, err)
	}
}

// A split index that speaks of entries that the shared one does not have is corrupt.
func TestHostileSplitIndex(t *testing.T) {
	t.Parallel()
	bitmap := func(bits uint32, words ...uint64) []byte {
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, bits), uint32(len(words)))
		for _, w := range words {
			b = binary.BigEndian.AppendUint64(b, w)
		}
		return append(b, 0, 0, 0, 0)
	}
	none := bitmap(2, 0)
	const oneRun, oneLiteral = 1<<1 | 1, 1 << 33 // a word of ones; a word that follows
	for name, bitmaps := range map[string][]byte{
		"more bits than entries":      append(bitmap(128, oneRun), none...),
		"a bit behind the last":       append(bitmap(2, oneLiteral, 1<<40), none...),
		"more words than it says":     append(bitmap(2, 1<<34), none...),
		"runs without end":            append(bitmap(2, 1<<30), none...),
		"replaces what it has not":    append(bytes.Clone(none), bitmap(2, oneLiteral, 1)...),
		"one bitmap where two belong": none,
	} {
		base := []indexEntry{{name: "a"}, {name: "b"}}
		if all, err := joinIndex(base, nil, bitmaps); !errors.Is(err, errIndex) {
			t.Errorf("%s: it is %v, %v", name, all, err)
		}
	}
	base := []indexEntry{{name: "a"}, {name: "b"}}
	if all, err := joinIndex(base, []indexEntry{{name: "c"}}, append(bitmap(2, oneLiteral, 1), none...)); err != nil || len(all) != 2 || all[0].name != "c" || all[1].name != "b" {
		t.Errorf("with the first deleted and one added it is %v, %v", all, err)
	}
}
