package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vector is a manifest of testdata/served. Another encoder wrote its bytes.
type vector struct {
	Manifest struct {
		Site         string        `json:"site"`
		HTMLHandling string        `json:"html_handling"`
		NotFound     string        `json:"not_found_handling"`
		Redirects    []Redirect    `json:"redirects"`
		Headers      []HeaderRule  `json:"headers"`
		Entries      []vectorEntry `json:"entries"`
		EdgeCache    int           `json:"edge_cache"`
		MemoryCache  *int64        `json:"memory_cache"`
		CacheStatus  bool          `json:"cache_status"`
		Overlay      bool          `json:"overlay"`

		Adopted map[string]Nonce `json:"adopted"`
	} `json:"manifest"`
	// Index is the chunk index of the entries that are chunked.
	Index struct {
		ChunkSize int64 `json:"chunk_size"`
		Size      int64 `json:"size"`
		Chunks    []struct{ Hash, Nonce string }
	} `json:"index"`
}

// vectorEntry is one entry of a vector's manifest.
type vectorEntry struct {
	Path     string `json:"path"`
	Hash     string `json:"hash"`
	Nonce    string `json:"nonce"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"`
	Type     string `json:"type"`
	Retired  bool   `json:"retired"`
	Chunked  bool   `json:"chunked"`
}

func readVector(t *testing.T, bin string) (v vector, want []byte) {
	t.Helper()
	want, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	described, err := os.ReadFile(strings.TrimSuffix(bin, filepath.Ext(bin)) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(described, &v); err != nil {
		t.Fatal(err)
	}
	return v, want
}

func TestServedVectors(t *testing.T) {
	files, err := filepath.Glob("../../testdata/served/*.bin")
	chunked, err2 := filepath.Glob("../../testdata/served/chunked/*.bin")
	if err != nil || err2 != nil || len(files) < 4 || len(chunked) < 1 {
		t.Fatalf("found %d and %d vectors, want at least 4 and 1 (%v, %v)", len(files), len(chunked), err, err2)
	}
	files = append(files, chunked...)
	for _, bin := range files {
		t.Run(filepath.Base(bin), func(t *testing.T) {
			v, want := readVector(t, bin)
			got, err := EncodeServed(v.build(t))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %d bytes\n%s\nwant %d\n%s", len(got), hex.Dump(got), len(want), hex.Dump(want))
			}
		})
	}
}

func (v *vector) build(t *testing.T) *Manifest {
	t.Helper()
	in := v.Manifest
	m := &Manifest{
		Site: in.Site, Serving: Serving{HTMLHandling: in.HTMLHandling, NotFound: in.NotFound, EdgeCache: in.EdgeCache,
			MemoryCache: in.MemoryCache, CacheStatus: in.CacheStatus, Overlay: in.Overlay},
		Redirects: in.Redirects, Headers: in.Headers, Adopted: in.Adopted,
	}
	for _, e := range in.Entries {
		ref, err := ParseRef(e.Hash + "." + e.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		a := Asset{Path: e.Path, Blob: ref, Size: e.Size, Modified: e.Modified, ContentType: e.Type}
		if a.Chunked() != e.Chunked {
			t.Fatalf("%s has %d bytes; is it chunked: %v", a.Path, a.Size, a.Chunked())
		}
		if e.Retired {
			m.Retired = append(m.Retired, Retired{Asset: a})
		} else {
			m.Assets = append(m.Assets, a)
		}
	}
	return m
}

func TestServedRefuses(t *testing.T) {
	whole := realistic(3, false)
	for name, damage := range map[string]func(*Manifest){
		"a pathname twice":      func(m *Manifest) { m.Assets = append(m.Assets, m.Assets[0]) },
		"an asset with no hash": func(m *Manifest) { m.Assets[1].Blob.Hash = Hash{} },
		"a size of 4 GiB":       func(m *Manifest) { m.Assets[1].Size = 1 << 32 },
	} {
		m := *whole
		m.Assets = append([]Asset(nil), whole.Assets...)
		damage(&m)
		if _, err := EncodeServed(&m); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}
