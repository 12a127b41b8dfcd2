package manifest

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stored is the manifest of testdata/stored/site.bin, or of chunked.bin.
func stored(chunked bool) *Manifest {
	ref := func(s string) Ref {
		return Ref{Hash: HashOf([]byte(s)), Nonce: Nonce{0x69, 0x1f, 0xd9, 0xa0, 1, 2, 3, 4}}
	}
	m := &Manifest{
		Site:   "blog",
		Origin: Origin{Kind: "commit", ID: "commit:00:r1", Rules: "r1", Dir: "public", Commit: strings.Repeat("ab", 20)},
		Assets: []Asset{
			{Path: "/film.mp4", Blob: ref("film"), Size: 20 << 20, ContentType: "video/mp4", Modified: 1_763_000_000,
				OID: strings.Repeat("01", 20)},
			{Path: "/index.html", Blob: ref("index"), Size: 5, ContentType: "text/html; charset=utf-8", Modified: 1_763_000_001,
				OID: strings.Repeat("02", 20)},
		},
		Dirs: []Dir{{Path: "/", Tree: strings.Repeat("03", 20)}},
		Retired: []Retired{{Asset: Asset{Path: "/old.mp4", Blob: ref("old"), Size: 25 << 20, ContentType: "video/mp4",
			Modified: 7}, Until: 1_763_100_000, Left: 4}},
		Serving:   Serving{HTMLHandling: "none", NotFound: "404-page"},
		Redirects: []Redirect{{From: "/a", To: "/b", Status: 301}},
		Headers:   []HeaderRule{{Path: "/*", Set: [][2]string{{"x-a", "b"}}}},
	}
	if chunked {
		m.Assets[0].Size, m.Retired[0].Size = 2000<<20, MaxFileBytes
		m.Serving.EdgeCache = 3600
	}
	return m
}

// overlaid is the site with an overlay and two adopted writes.
func overlaid() *Manifest {
	m := stored(false)
	m.Serving.Overlay = true
	m.Adopted = map[string]Nonce{"/~<ü>.html": {1, 2, 3, 4, 5, 6, 7, 8}, "/gone.html": {0xff}}
	return m
}

// routed is the site whose Worker gets some of the requests.
func routed() *Manifest {
	m := stored(false)
	m.Routing = &Routing{Worker: []string{"/private/*", "/~<ü>"}, Site: []string{"/private/open/*"},
		Retire: []string{"/private/a&b.js"}}
	return m
}

// Every release reads what earlier releases stored. The manifest of a site without a
// chunked file can still be read by releases that do not know chunks.
func TestStoredVectors(t *testing.T) {
	for name, m := range map[string]*Manifest{"site": stored(false), "chunked": stored(true), "overlay": overlaid(),
		"routing": routed()} {
		chunked := name == "chunked"
		want, err := os.ReadFile(fmt.Sprintf("../../testdata/stored/%s.bin", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := EncodeStored(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %x\nwant %x", name, got, want)
		}
		if flags := want[6]; (flags == 1) != chunked || flags > 1 || want[7] != 0 {
			t.Errorf("%s: must-understand flags are %x", name, want[6:8])
		}
		read, err := DecodeStored(want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(m, read); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
		lying := slices.Clone(want)
		lying[6] ^= 1
		if _, err := DecodeStored(lying); err == nil {
			t.Errorf("%s: it was read although its flag says otherwise", name)
		}
	}
	m := stored(true)
	m.Assets[0].Size = 1
	if b, err := EncodeStored(m); err != nil || b[6] != 1 {
		t.Errorf("with a retired chunked asset only: flags %x, %v", b[6:8], err)
	}
	m.Assets[0].Size = MaxFileBytes + 1
	if b, err := EncodeStored(m); err == nil {
		if _, err := DecodeStored(b); err == nil {
			t.Error("a file of 4 GiB was read")
		}
	}
}
