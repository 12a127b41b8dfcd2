package kvassets

import (
	"bytes"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A record that is accepted has one hash for each file, and is encoded to the same bytes if its
// index is in kv-sync's order.
func FuzzDecodeRecord(f *testing.F) {
	for _, name := range []string{"site", "hello", "empty", "unsorted"} {
		index, err := DecodeIndex(readTestFile(f, vectors+"/"+name+".bin"))
		if err != nil {
			f.Fatal(err)
		}
		r := Record{Index: index}
		for i := range index {
			r.Hashes = append(r.Hashes, manifest.Hash{byte(i)})
		}
		f.Add(r.Encode())
	}
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		// Only the hash in the record's own key is accepted.
		ref := manifest.Ref{Hash: manifest.HashOf(indexOfRecord(b))}
		r, err := DecodeRecord(ref, b)
		if err != nil {
			return
		}
		if len(r.Hashes) != len(r.Index) {
			t.Fatalf("%d files have %d hashes", len(r.Index), len(r.Hashes))
		}
		if bytes.Equal(EncodeIndex(r.Index), indexOfRecord(b)) && !bytes.Equal(r.Encode(), b) {
			t.Errorf("%x is encoded as %x", b, r.Encode())
		}
		if len(r.Contents()) > len(r.Index) || len(r.Served()) != len(r.Index) {
			t.Errorf("%d files have %d keys and %d pathnames", len(r.Index), len(r.Contents()), len(r.Served()))
		}
		if _, err := DecodeRecord(manifest.Ref{}, b); err == nil {
			t.Error("it is accepted under a key with another hash")
		}
	})
}
