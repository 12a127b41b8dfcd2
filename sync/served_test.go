package kvsync

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is a manifest of testdata/served, whose encoder is another one than ours.
type vector struct {
	Manifest struct {
		Site         string       `json:"site"`
		HTMLHandling string       `json:"html_handling"`
		NotFound     string       `json:"not_found_handling"`
		Redirects    []Redirect   `json:"redirects"`
		Headers      []HeaderRule `json:"headers"`
		Entries      []struct {
			Path     string `json:"path"`
			Hash     string `json:"hash"`
			Nonce    string `json:"nonce"`
			Size     int64  `json:"size"`
			Modified int64  `json:"modified"`
			Type     string `json:"type"`
			Retired  bool   `json:"retired"`
		} `json:"entries"`
	} `json:"manifest"`
}

func TestServedVectors(t *testing.T) {
	files, err := filepath.Glob("../testdata/served/*.bin")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %d vectors, want at least 4 (%v)", len(files), err)
	}
	for _, bin := range files {
		t.Run(filepath.Base(bin), func(t *testing.T) {
			want, err := os.ReadFile(bin)
			if err != nil {
				t.Fatal(err)
			}
			described, err := os.ReadFile(bin[:len(bin)-len(".bin")] + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var v vector
			if err := json.Unmarshal(described, &v); err != nil {
				t.Fatal(err)
			}
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
		Site: in.Site, Serving: Serving{HTMLHandling: in.HTMLHandling, NotFound: in.NotFound},
		Redirects: in.Redirects, Headers: in.Headers,
	}
	for _, e := range in.Entries {
		ref, err := ParseRef(e.Hash + "." + e.Nonce)
		if err != nil {
			t.Fatal(err)
		}
		a := Asset{Path: e.Path, Blob: ref, Size: e.Size, Modified: e.Modified, ContentType: e.Type}
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
		"a size over 4 GiB":     func(m *Manifest) { m.Assets[1].Size = 1 << 32 },
	} {
		m := *whole
		m.Assets = append([]Asset(nil), whole.Assets...)
		damage(&m)
		if _, err := EncodeServed(&m); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}
