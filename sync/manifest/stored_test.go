package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// realistic makes a manifest like that of a site generator's output: n files in folders
// of about 20 files.
func realistic(n int, commit bool) *Manifest {
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	hash := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	m := &Manifest{
		Site:   "blog",
		Origin: Origin{Kind: "folder", ID: "folder:00:r1", Rules: "r1", Dir: "public", Edition: 1},
		Serving: Serving{
			HTMLHandling: "auto-trailing-slash", NotFound: "404-page",
		},
		Redirects: []Redirect{{From: "/old/*", To: "/new/:splat", Status: 301}},
		Headers:   []HeaderRule{{Path: "/*", Set: [][2]string{{"x-frame-options", "DENY"}}, Unset: []string{"server"}}},
	}
	nonces := []Nonce{NewNonce(time.Unix(1_763_000_000, 0)), NewNonce(time.Unix(1_763_600_000, 0)),
		NewNonce(time.Unix(1_763_700_000, 0))}
	for i := range n {
		a := Asset{
			Path: fmt.Sprintf("/posts/%04d/%s-%02d.html", i/20, []string{"index", "chapter", "notes", "image"}[i%4],
				i%20),
			Blob:        Ref{Nonce: nonces[rnd.IntN(3)]},
			Size:        int64(rnd.IntN(200_000)),
			ContentType: []string{"text/html; charset=utf-8", "image/png"}[i%2],
			Modified:    1_700_000_000 + int64(rnd.IntN(60_000_000)),
		}
		copy(a.Blob.Hash[:], hash(32))
		if commit {
			a.OID = hex.EncodeToString(hash(20))
		}
		m.Assets = append(m.Assets, a)
	}
	sortAssets(m.Assets)
	if commit {
		m.Origin.Kind, m.Origin.Commit = "commit", hex.EncodeToString(hash(20))
		for i := range n/20 + 1 {
			m.Dirs = append(m.Dirs, Dir{Path: fmt.Sprintf("/posts/%04d", i), Tree: hex.EncodeToString(hash(20))})
		}
	}
	if n > 0 {
		gone := m.Assets[0]
		gone.Path, gone.OID = "/gone.html", ""
		m.Retired = []Retired{{Asset: gone, Until: 1_763_800_000, Left: 3}}
	}
	return m
}

func TestStoredRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 500} {
		for _, commit := range []bool{false, true} {
			m := realistic(n, commit)
			b, err := EncodeStored(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeStored(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(m, got); d != "" {
				t.Errorf("%d files, commit %v: (-want +got)\n%s", n, commit, d)
			}
		}
	}
}

// docs/format.md promises at most 80 bytes a file for the stored and for the served
// manifest.
func TestManifestSize(t *testing.T) {
	const n = 10_000
	for _, commit := range []bool{false, true} {
		m := realistic(n, commit)
		stored, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		served, err := EncodeServed(m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Assets {
			m.Assets[i].Blob.Hash = Hash{} // hashes are not known before the first upload
		}
		if bound, err := StoredBound(m); err != nil || bound < len(stored) {
			t.Errorf("commit %v: the bound %d (%v) is less than the %d bytes that are stored", commit, bound, err, len(stored))
		}
		if size, err := ServedSize(m); err != nil || size != len(served) {
			t.Errorf("commit %v: the served size is %d (%v), want %d", commit, size, err, len(served))
		}
		t.Logf("commit %v: stored %.1f B a file, served %.1f", commit, float64(len(stored))/n, float64(len(served))/n)
		if len(stored) > 80*n || len(served) > 80*n {
			t.Errorf("commit %v: stored %d and served %d bytes for %d files, want at most 80 a file", commit, len(stored),
				len(served), n)
		}
	}
}

func TestStoredRefusesIncompleteAndUnknown(t *testing.T) {
	b, err := EncodeStored(realistic(30, true))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if _, err := DecodeStored(b[:i]); err == nil {
			t.Fatalf("the first %d of %d bytes were decoded as a whole manifest", i, len(b))
		}
	}
	if _, err := DecodeStored(append(b, 0)); err == nil {
		t.Error("a manifest with an extra byte was decoded")
	}
	for name, at := range map[string]int{"version": 4, "must-understand flags": 6} {
		bad := append([]byte(nil), b...)
		binary.LittleEndian.PutUint16(bad[at:], 0x8001)
		if _, err := DecodeStored(bad); err == nil {
			t.Errorf("an unknown %s was accepted", name)
		}
	}
}

// A nonce that is not in its canonical form is refused: its key would not be found.
func TestStoredRefusesOtherNonces(t *testing.T) {
	whole, err := EncodeStored(overlaid())
	if err != nil {
		t.Fatal(err)
	}
	for _, nonce := range []string{"01020304050607", "010203040506070800", "010203040506070G", "010203040506070A"} {
		bad := bytes.Replace(whole, []byte("0102030405060708"), []byte(nonce), 1)
		if i := bytes.Index(bad, []byte(`"adopted"`)); i < 0 || bytes.Equal(bad, whole) {
			t.Fatal("the vector has no such nonce")
		}
		head := len(whole) - len(bad) // the head's length, a varint of two bytes
		at := 8
		n, used := binary.Uvarint(bad[at:])
		bad = append(append(bad[:at:at], binary.AppendUvarint(nil, n-uint64(head))...), bad[at+used:]...)
		if _, err := DecodeStored(bad); err == nil || !strings.Contains(err.Error(), "8 bytes") {
			t.Errorf("%s: %v", nonce, err)
		}
	}
}

func FuzzDecodeStored(f *testing.F) {
	for _, n := range []int{0, 3} {
		b, err := EncodeStored(realistic(n, n > 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b, err := EncodeStored(overlaid())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeStored(b)
		if err != nil {
			return
		}
		// A decoded manifest can be encoded, and decodes to the same manifest.
		again, err := EncodeStored(m)
		if err != nil {
			return // e.g. the manifest has a size of object ids and no object id
		}
		back, err := DecodeStored(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, back); d != "" {
			t.Error(d)
		}
		// What is encoded once is encoded to the same bytes again, and can be served.
		if twice, err := EncodeStored(back); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("it is encoded as %x, then as %x (%v)", again, twice, err)
		}
		if served, err := EncodeServed(m); err == nil && binary.LittleEndian.Uint32(served[32:]) != uint32(len(served)) {
			t.Errorf("%d bytes of a served manifest say that they are %x", len(served), served[32:36])
		}
	})
}

func sortAssets(a []Asset) {
	for i := 1; i < len(a); i++ {
		for j := i; j > 0 && a[j].Path < a[j-1].Path; j-- {
			a[j], a[j-1] = a[j-1], a[j]
		}
	}
}
