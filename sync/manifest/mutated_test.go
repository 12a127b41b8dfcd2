package manifest

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/stored/mutated.json")

const (
	mutatedFile = "../../testdata/stored/mutated.json"
	mutations   = 1500 // of each file
)

// mutate changes up to four bytes, with the pseudo-random numbers that worker/ makes, too. Bytes of
// the head stay: it is JSON, in which Go reads names of members in any case.
func mutate(b []byte, seed *int) []byte {
	random := func(n int) int {
		*seed = *seed * 48271 % 2147483647
		return *seed % n
	}
	length, n := binary.Uvarint(b[8:])
	from := 8 + n + int(length)
	out := append([]byte{}, b...)
	for range 1 + random(4) {
		at := from + random(len(out)-from)
		switch random(4) {
		case 0:
			out[at] = byte(random(256))
		case 1:
			out[at] ^= 1 << random(8)
		case 2:
			out = append(out[:at], out[at+1:]...)
		case 3:
			out = append(out[:at], append([]byte{byte(random(256))}, out[at:]...)...)
		}
		if len(out) <= from {
			break
		}
	}
	return out
}

// listing has what a stored manifest lists, a line each.
func listing(m *Manifest) string {
	var b strings.Builder
	line := func(a Asset) {
		fmt.Fprintf(&b, "%s %s %d %s %d %s\n", a.Path, a.Blob, a.Size, a.ContentType, a.Modified, a.OID)
	}
	for _, a := range m.Assets {
		line(a)
	}
	for _, d := range m.Dirs {
		fmt.Fprintf(&b, "%s %s\n", d.Path, d.Tree)
	}
	for _, r := range m.Retired {
		line(r.Asset)
		fmt.Fprintf(&b, "%d %d\n", r.Until, r.Left)
	}
	return b.String()
}

// Of damaged manifests this package and worker/ accept the same ones, and read the same from them.
// testdata/stored/mutated.json has hashes of what is listed, by the number of the mutation.
func TestMutated(t *testing.T) {
	names, err := filepath.Glob("../../testdata/stored/*.bin")
	if err != nil || len(names) < 4 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	accepted := make(map[string]map[int]string)
	total := 0
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		hashes := make(map[int]string)
		accepted[strings.TrimSuffix(filepath.Base(name), ".bin")] = hashes
		seed := 1
		for i := range mutations {
			m, err := DecodeStored(mutate(b, &seed))
			if err != nil {
				continue
			}
			hashes[i] = HashOf([]byte(listing(m))).String()[:12]
			total++
		}
	}
	got, err := json.Marshal(accepted)
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(mutatedFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(mutatedFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not what go test ./sync/manifest -run TestMutated -update writes; worker/ must agree", mutatedFile)
	}
	if total < 500 {
		t.Errorf("only %d of %d were accepted", total, mutations*len(names))
	}
}
