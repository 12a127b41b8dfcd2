package kvassets

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const vectors = "../../../testdata/kv-assets"

// The expected bytes were written by kv-assets 0.2.3.
func TestAssetIndexGolden(t *testing.T) {
	t.Parallel()
	index := Index{{Path: "hello.txt", Key: Key("hello.txt", sumOf("hello\n")), Modified: 1600000000, Size: 6}}
	const want = "0100000000000000" + "0900000000000000" + "68656c6c6f2e747874" +
		"1400000000000000" + "68656c6c6f2e666636636563323164632e747874" + "00105e5f00000000" + "0600000000000000"
	if got := hex.EncodeToString(EncodeIndex(index)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := EncodeIndex(nil); !bytes.Equal(got, make([]byte, 8)) {
		t.Errorf("an empty index is % x, want 8 zero bytes", got)
	}
}

func sumOf(contents string) string {
	h := NewHasher()
	_, _ = h.Write([]byte(contents))
	return h.Sum()
}

func TestKVAssetsSums(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors[struct {
		Text  string
		Times int
		Sum   string
	}](t, "sums.json") {
		contents := strings.Repeat(v.Text, v.Times)
		if got := sumOf(contents); got != v.Sum {
			t.Errorf("%d × %q: %s, want %s", v.Times, v.Text, got, v.Sum)
		}
		h := NewHasher()
		r := iotest.OneByteReader(strings.NewReader(contents))
		if _, err := io.Copy(h, r); err != nil {
			t.Fatal(err)
		}
		if got := h.Sum(); got != v.Sum {
			t.Errorf("%d × %q byte by byte: %s, want %s", v.Times, v.Text, got, v.Sum)
		}
	}
}

func TestKVAssetsKeys(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors[struct{ Path, Sum, Key string }](t, "keys.json") {
		if got := Key(v.Path, v.Sum); got != v.Key {
			t.Errorf("%q with %s: %q, want %q", v.Path, v.Sum, got, v.Key)
		}
	}
}

// The Rust crate's tests read the same vectors.
func TestAssetIndexVectors(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(vectors, "*.bin"))
	if err != nil || len(names) < 4 {
		t.Fatalf("%d vectors, %v", len(names), err)
	}
	for _, name := range names {
		b := readTestFile(t, name)
		got, err := DecodeIndex(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := readIndexJSON(t, strings.TrimSuffix(name, ".bin")+".json")
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if sorted := !strings.Contains(name, "unsorted"); bytes.Equal(EncodeIndex(got), b) != sorted {
			t.Errorf("%s: encoded again it is the same: %v, want %v", name, !sorted, sorted)
		}
	}
}

func TestAssetIndexRefuses(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob(filepath.Join(vectors, "refused", "*.bin"))
	if err != nil || len(names) < 6 {
		t.Fatalf("%d vectors, %v", len(names), err)
	}
	for _, name := range names {
		if index, err := DecodeIndex(readTestFile(t, name)); err == nil {
			t.Errorf("%s: read as %v", name, index)
		}
	}
}

// An index may claim any number of entries. The memory that is allocated for it is
// bounded by the bytes that follow.
func TestAssetIndexBoundsMemory(t *testing.T) {
	for _, n := range []uint64{1, 1 << 20, 1 << 40, math.MaxInt64, math.MaxUint64} {
		b := binary.LittleEndian.AppendUint64(nil, n)
		b = append(b, make([]byte, 31)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := DecodeIndex(b); err == nil {
			t.Errorf("%d entries in 31 bytes are read", n)
		}
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 64<<20 {
			t.Errorf("%d entries take %d bytes", n, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

func TestAssetIndexRoundTrip(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 14))
	for range 2000 {
		index := randomIndex(random)
		b := EncodeIndex(index)
		got, err := DecodeIndex(b)
		if err != nil {
			t.Fatalf("%v: %v", index, err)
		}
		if d := cmp.Diff(sortedIndex(index), got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("(-written +read):\n%s", d)
		}
		random.Shuffle(len(index), func(i, j int) { index[i], index[j] = index[j], index[i] })
		if !bytes.Equal(EncodeIndex(index), b) {
			t.Fatalf("%v: another order gives other bytes", index)
		}
	}
}

func randomIndex(random *rand.Rand) Index {
	names := []string{"a", "ä", "index.html", ".well-known", "LICENSE", "x y", "日本", "foo.", "a.tar.gz"}
	seen := map[string]bool{}
	var index Index
	for range random.IntN(20) {
		path := names[random.IntN(len(names))]
		for range random.IntN(4) {
			path += "/" + names[random.IntN(len(names))]
		}
		if seen[path] {
			continue
		}
		seen[path] = true
		sum := fmt.Sprintf("%x", random.Uint64())
		index = append(index, Entry{Path: path, Key: Key(path, sum[:min(10, len(sum))]),
			Modified: random.Uint64() >> random.IntN(64), Size: random.Uint64() >> random.IntN(64)})
	}
	return index
}

func FuzzDecodeAssetIndex(f *testing.F) {
	for _, pattern := range []string{"*.bin", "refused/*.bin"} {
		names, err := filepath.Glob(filepath.Join(vectors, pattern))
		if err != nil || len(names) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, name := range names {
			f.Add(readTestFile(f, name))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		index, err := DecodeIndex(b)
		if err != nil {
			return
		}
		again, err := DecodeIndex(EncodeIndex(index))
		if err != nil {
			t.Fatalf("the decoded index cannot be encoded and decoded again: %v", err)
		}
		if d := cmp.Diff(index, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func readTestFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors[V any](t *testing.T, name string) (list []V) {
	t.Helper()
	if err := json.Unmarshal(readTestFile(t, filepath.Join(vectors, name)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return list
}

// readIndexJSON reads an index as --dump prints it.
func readIndexJSON(t *testing.T, name string) Index {
	t.Helper()
	var members map[string]struct {
		Path           string
		Modified, Size uint64
	}
	if err := json.Unmarshal(readTestFile(t, name), &members); err != nil {
		t.Fatal(err)
	}
	var index Index
	for path, m := range members {
		index = append(index, Entry{Path: path, Key: m.Path, Modified: m.Modified, Size: m.Size})
	}
	return sortedIndex(index)
}
