package worktree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// rawIndex returns an index of version 4 with these entries, followed by rest.
func rawIndex(count uint32, entries, rest []byte) []byte {
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("DIRC"), 4), count)
	return append(append(append(data, entries...), rest...), make([]byte, objects.SHA1Bytes)...)
}

// rawEntry returns an entry of version 4. Its name is that of the entry before it without the
// last cut bytes, followed by name.
func rawEntry(cut byte, name string) []byte {
	return append(append(make([]byte, entryStat+objects.SHA1Bytes+2), cut), name+"\x00"...)
}

func extension(name string, size uint32, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte(name), size), body...)
}

// A hostile index gives an error. Decoding it does not panic, and does not allocate memory for
// more entries than the file can have.
func TestHostileIndex(t *testing.T) { // not in parallel: it counts allocations
	good := rawEntry(0, "a.html")
	if entries, _, err := decodeIndex(rawIndex(1, good, extension("TREE", 2, "xx")), objects.SHA1Bytes); err != nil ||
		len(entries) != 1 {
		t.Fatalf("a good index gives %v, %v", entries, err)
	}
	for name, data := range map[string][]byte{
		"fewer entries than the count": rawIndex(2, good, nil),
		"a name that cuts too much":    rawIndex(2, append(bytes.Clone(good), rawEntry(7, "b")...), nil),
		"an extension that is cut":     rawIndex(1, good, extension("TREE", 30, "xx")),
		"an extension beyond the end":  rawIndex(1, good, extension("TREE", 60, "xx")),
		"an extension without an end":  rawIndex(1, good, extension("TREE", 1<<31, "")),
		"a required extension":         rawIndex(1, good, extension("what", 0, "")),
		"an unknown version":           append([]byte("DIRC\x00\x00\x00\x09\x00\x00\x00\x00"), make([]byte, 40)...),
	} {
		if entries, _, err := decodeIndex(data, objects.SHA1Bytes); err == nil {
			t.Errorf("%s: entries %v", name, entries)
		}
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := decodeIndex(rawIndex(2_000_000, good, nil), objects.SHA1Bytes)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 50<<20 {
		t.Errorf("an index of %d bytes took %d MiB: %v", len(rawIndex(1, good, nil)), took>>20, err)
	}
}

// A split index is corrupt if its bitmaps refer to entries that the shared index does not have.
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
		"a bit behind the last entry": append(bitmap(2, oneLiteral, 1<<40), none...),
		"fewer words than announced":  append(bitmap(2, 1<<34), none...),
		"runs without end":            append(bitmap(2, 1<<30), none...),
		"no replacement":              append(bytes.Clone(none), bitmap(2, oneLiteral, 1)...),
		"a missing second bitmap":     none,
	} {
		base := []indexEntry{{name: "a"}, {name: "b"}}
		if all, err := joinIndex(base, nil, bitmaps); !errors.Is(err, errIndex) {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	base := []indexEntry{{name: "a"}, {name: "b"}}
	if all, err := joinIndex(base, []indexEntry{{name: "c"}}, append(bitmap(2, oneLiteral, 1), none...)); err != nil ||
		len(all) != 2 ||
		all[0].name != "c" ||
		all[1].name != "b" {
		t.Errorf("with the first entry deleted and one added: %v, %v", all, err)
	}
}
