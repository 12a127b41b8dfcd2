package manifest

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// film is the chunked asset of testdata/served/chunked, and its index.
func film(t testing.TB) (Asset, []byte) {
	t.Helper()
	var v vector
	described, err := os.ReadFile("../../testdata/served/chunked/film.json")
	if err == nil {
		err = json.Unmarshal(described, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Manifest.Entries, func(e vectorEntry) bool { return e.Path == "/film.mp4" })
	ref, err := ParseRef(v.Manifest.Entries[i].Hash + "." + v.Manifest.Entries[i].Nonce)
	if err != nil {
		t.Fatal(err)
	}
	x := &ChunkIndex{size: v.Index.Size, chunkSize: v.Index.ChunkSize}
	for _, c := range v.Index.Chunks {
		ref, err := ParseRef(c.Hash + "." + c.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		x.Chunks = append(x.Chunks, ref)
	}
	return Asset{Path: "/film.mp4", Blob: ref, Size: v.Index.Size}, x.Encode()
}

func TestIndexVectors(t *testing.T) {
	a, got := film(t)
	want, err := os.ReadFile("../../testdata/served/chunked/film.index")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
	x, err := DecodeChunkIndex(want, a)
	if err != nil {
		t.Fatal(err)
	}
	if x.Hash() != a.Blob.Hash || len(x.Chunks) != 3 || x.Chunks[0] != x.Chunks[1] || !bytes.Equal(x.Encode(), want) {
		t.Errorf("it reads as %+v", x)
	}
}

func TestIndexRefuses(t *testing.T) {
	a, _ := film(t)
	files, err := filepath.Glob("../../testdata/served/chunked/refused/*.index")
	if err != nil || len(files) < 16 {
		t.Fatalf("found %d vectors, want at least 16 (%v)", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeChunkIndex(b, a); err == nil {
			t.Errorf("%s was accepted", filepath.Base(name))
		}
	}
}

// An index with the right hash is refused if the sizes of its chunks do not add up to the
// size of the file, or if it has more chunks than a request may read.
func TestIndexWithRightHashIsRefused(t *testing.T) {
	for _, c := range []struct {
		size, chunkSize int64
		count           int
		good            bool
	}{
		{999, 1, 999, true},
		{1000, 1, 1000, false},
		{100, 10, 10, true},
		{100, 10, 9, false},
		{100, 10, 11, false},
		{100, 0, 1, false},
		{0, 10, 0, false},
		{26 << 20, MaxValueBytes, 2, true},
		{26 << 20, MaxValueBytes + 1, 1, false},
	} {
		x := &ChunkIndex{size: c.size, chunkSize: c.chunkSize, Chunks: make([]Ref, c.count)}
		a := Asset{Size: c.size, Blob: Ref{Hash: x.Hash()}}
		if _, err := DecodeChunkIndex(x.Encode(), a); (err == nil) != c.good {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// slowHash computes the hash of docs/format.md in the simplest way.
func slowHash(b []byte) Hash {
	if len(b) <= MaxValueBytes {
		return HashOf(b)
	}
	x := NewChunkIndex(int64(len(b)))
	for part := range slices.Chunk(b, ChunkBytes) {
		x.Chunks = append(x.Chunks, Ref{Hash: HashOf(part)})
	}
	return HashOf(x.Encode()[:indexHead+len(x.Chunks)*32])
}

func TestHasher(t *testing.T) {
	all := make([]byte, 2*ChunkBytes+MaxValueBytes)
	for i := range all {
		all[i] = byte(i * i >> 12)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, MaxValueBytes, MaxValueBytes + 1, 2*ChunkBytes - 1, 2 * ChunkBytes, 2*ChunkBytes + 1,
		len(all)} {
		h := NewHasher(int64(size))
		for rest := all[:size]; len(rest) > 0; {
			n := min(len(rest), 1+rnd.IntN(1+size/3))
			if k, err := h.Write(rest[:n]); k != n || err != nil {
				t.Fatal(k, err)
			}
			rest = rest[n:]
		}
		if got, want := h.Sum(), slowHash(all[:size]); got != want {
			t.Errorf("%d bytes hash to %s, want %s", size, got, want)
		}
	}
}

// A small file may have the bytes that the hash of an index is computed from. Its key and
// its Content differ from those of the chunked file.
func TestContentOfAnIndexIsItsOwn(t *testing.T) {
	a, index := film(t)
	prefix := index[:indexHead+3*32]
	small := Asset{Path: "/prefix", Blob: Ref{Hash: HashOf(prefix)}, Size: int64(len(prefix))}
	if small.Blob.Hash != a.Blob.Hash {
		t.Fatal("the hashes differ")
	}
	n := Nonce{1, 2, 3}
	if small.Content() == a.Content() || n.For(small) == n.For(a) || n.For(a).Time() != n.For(small).Time() {
		t.Errorf("%v %v", n.For(small), n.For(a))
	}
	listing := func(a Asset) *Listing {
		return &Listing{Files: []File{{Asset: Asset{Path: "/x", Blob: a.Blob, Size: a.Size}}}}
	}
	if FolderID(listing(small)) == FolderID(listing(a)) {
		t.Error("a folder with the one has the id of a folder with the other")
	}
}

func FuzzDecodeIndex(f *testing.F) {
	a, good := film(f)
	f.Add(good, a.Size)
	f.Add(good[:30], a.Size)
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		// Only the asset's own index is accepted.
		a := Asset{Blob: a.Blob, Size: size}
		if len(b) > indexHead && len(b)%8 == 0 {
			a.Blob.Hash = HashOf(b[:indexHead+(len(b)-indexHead)/40*32])
		}
		x, err := DecodeChunkIndex(b, a)
		if err != nil {
			return
		}
		if x.size != size || !bytes.Equal(x.Encode(), b) {
			t.Errorf("%x reads as %+v", b, x)
		}
	})
}

var _ io.Writer = (*Hasher)(nil)
