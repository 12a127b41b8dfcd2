package content

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

const receiptCommit = "abababababababababababababababababababab" // the commit of testdata/stored

// storedManifest reads a manifest of testdata/stored.
func storedManifest(t testing.TB, name string) *manifest.Manifest {
	t.Helper()
	b, err := os.ReadFile("../../../testdata/stored/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.DecodeStored(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// receiptOf is the receipt of docs/format.md for the manifest of testdata/stored.
func receiptOf(t testing.TB, m *manifest.Manifest, live string) []byte {
	t.Helper()
	b, err := encodeReceipt(m.Site, &contentDraft{Draft: &layout.Draft{Manifest: m, Plan: plan.Plan{Origin: m.Origin,
		Live: live}}}, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReceiptFormat(t *testing.T) {
	t.Parallel()
	m := storedManifest(t, "chunked")
	whole, err := manifest.EncodeStored(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":1,"site":"blog","commit":"` + receiptCommit + `","live":"20261121-024512-9f3c1a2b","manifest":"` +
		manifest.HashOf(whole).String() + `"}` + "\n" + string(whole)
	got := receiptOf(t, m, "20261121-024512-9f3c1a2b")
	if string(got) != want {
		t.Errorf("got %.400q\nwant %.400q", got, want)
	}
	live, read, err := decodeReceipt(got, "blog", receiptCommit)
	if err != nil || live != "20261121-024512-9f3c1a2b" || len(read.Assets) != len(m.Assets) {
		t.Errorf("it reads as %q, %+v, %v", live, read, err)
	}
}

// A receipt with one flipped bit is refused, or names another live deployment, so that
// fewer of its blobs are used. A receipt that was cut short is refused.
func TestReceiptOfFlippedBits(t *testing.T) {
	t.Parallel()
	const said = "20261121-024512-9f3c1a2b"
	good := receiptOf(t, storedManifest(t, "chunked"), said)
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if live, _, err := decodeReceipt(b, "blog", receiptCommit); err == nil && (live == said || live == "") {
				t.Fatalf("bit %d of byte %d: it was accepted, with the live deployment %q", bit, i, live)
			}
		}
		if _, _, err := decodeReceipt(good[:i], "blog", receiptCommit); err == nil {
			t.Fatalf("its first %d bytes were accepted", i)
		}
	}
}

// A receipt is refused if its line and its manifest are each valid, but of different
// commits or sites.
func TestReceiptWithAnotherManifest(t *testing.T) {
	t.Parallel()
	m := storedManifest(t, "site")
	for name, change := range map[string]func(*manifest.Manifest){
		"site":   func(m *manifest.Manifest) { m.Site = "shop" },
		"commit": func(m *manifest.Manifest) { m.Origin.Commit = strings.Repeat("cd", 20) },
	} {
		other := storedManifest(t, "site")
		change(other)
		b, err := encodeReceipt("blog", &contentDraft{Draft: &layout.Draft{Manifest: other,
			Plan: plan.Plan{Origin: m.Origin}}}, other)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decodeReceipt(b, "blog", receiptCommit); err == nil ||
			!strings.Contains(err.Error(), "its manifest") {
			t.Errorf("another %s: %v", name, err)
		}
	}
	long := receiptLine{Format: receiptFormat, Site: "blog", Commit: receiptCommit, Live: strings.Repeat("x", receiptHead)}
	b, err := long.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := decodeReceipt(b, "blog", receiptCommit); err == nil ||
		!strings.Contains(err.Error(), "it is not a receipt") {
		t.Errorf("a line without end: %v", err)
	}
}

func FuzzDecodeReceipt(f *testing.F) {
	good := receiptOf(f, storedManifest(f, "chunked"), "20261121-024512-9f3c1a2b")
	f.Add(good)
	f.Add(receiptOf(f, storedManifest(f, "overlay"), ""))
	f.Add(good[:40])
	f.Add([]byte("{}\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		live, m, err := decodeReceipt(b, "blog", receiptCommit)
		if err != nil {
			return
		}
		// An accepted receipt names the commit, and encodes to the same bytes.
		line, err := receiptLine{receiptFormat, "blog", receiptCommit, live,
			manifest.HashOf(b[bytes.IndexByte(b, '\n')+1:]).String()}.encode()
		if err != nil || !bytes.HasPrefix(b, line) || m.Site != "blog" || m.Origin.Commit != receiptCommit {
			t.Errorf("%q reads as %q, %+v", b, live, m)
		}
	})
}
