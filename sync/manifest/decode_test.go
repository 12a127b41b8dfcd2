package manifest

import (
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
)

// A plan walks the assets in order, so a manifest with unsorted assets is refused.
func TestStoredRefusesDisorder(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]Asset){
		"two exchanged": func(a []Asset) { a[1], a[2] = a[2], a[1] },
		"one twice":     func(a []Asset) { a[2].Path = a[1].Path },
	} {
		m := realistic(5, false)
		spoil(m.Assets)
		b, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeStored(b); err == nil || !strings.Contains(err.Error(), "order") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Memory is allocated only for as many entries as fit into the bytes.
func TestStoredBoundsMemory(t *testing.T) {
	b := append([]byte(storedMagic), storedVersion, 0, 0, 0)
	b = append(binary.AppendUvarint(b, 2), "{}"...)
	b = binary.AppendUvarint(b, 1<<24) // nonces
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := DecodeStored(b); err == nil {
		t.Error("it was read")
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("%d bytes took %d of memory", len(b), after.TotalAlloc-before.TotalAlloc)
	}
}

// A release that does not know chunks relies on the flag.
func TestStoredFlags(t *testing.T) {
	t.Parallel()
	whole, chunked := realistic(5, false), realistic(5, false)
	chunked.Assets[3].Size = MaxValueBytes + 1
	for _, m := range []*Manifest{whole, chunked} {
		b, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeStored(b); err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(b[6:], storedChunked^m.storedFlags())
		if _, err := DecodeStored(b); err == nil {
			t.Errorf("with the flags %#x it was read", storedChunked^m.storedFlags())
		}
	}
}
