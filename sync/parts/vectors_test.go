package parts

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

var update = flag.Bool("update", false, "write testdata/parts")

const vectors = "../../testdata/parts"

// lookup is what a reader finds at a path.
type lookup struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	Type     string `json:"type"`
	Modified int64  `json:"modified"`
	Retired  bool   `json:"retired,omitempty"`
}

// encoded is the deployment of the vectors, with its parts: files in several parts, retired files,
// and a difference in each sequence.
func encoded(t *testing.T) (*manifest.Manifest, []byte, store) {
	s, m := store{}, site(400)
	m.Serving, m.Routing = manifest.Serving{HTMLHandling: "drop-trailing-slash"}, nil
	m.Assets = append(m.Assets, manifest.Asset{Path: "/z.mp4", Blob: manifest.Ref{Hash: manifest.HashOf([]byte("index"))},
		Size: 1 << 30, ContentType: "video/mp4", OID: oid("film")})
	for i := range 130 {
		m.Retired = append(m.Retired, manifest.Retired{Asset: m.Assets[3*i], Until: 1_800_000_000 + int64(i), Left: 4})
		m.Retired[i].Path, m.Retired[i].OID = m.Retired[i].Path+".old", ""
	}
	sortManifest(m)
	_, base := s.follow(t, nil, m, 0x11)
	m.Assets[7] = file(m.Assets[7].Path, "changed")
	m.Assets = slices.Insert(slices.Delete(m.Assets, 200, 202), 0, file("/-first.html", "new"))
	m.Assets = append(m.Assets, file("/~last.html", "new"))
	m.Dirs[0].Tree = oid("another root")
	m.Retired = slices.Delete(m.Retired, 5, 6)
	m.Retired = append(m.Retired, manifest.Retired{Asset: file("/zz.html", "late"), Until: 1_800_000_000, Left: 9})
	m.Retired[len(m.Retired)-1].OID = ""
	out, _ := s.follow(t, base, m, 0x22)
	return m, out.Root, s
}

// The tests in worker/ read the same root and parts.
func TestVectors(t *testing.T) {
	m, root, parts := encoded(t)
	want := map[string][]byte{"root.bin": root}
	for ref, b := range parts {
		want[ref.String()] = b
	}
	look := map[string]*lookup{}
	keys := manifest.Keys(m.Site)
	for _, r := range m.Retired {
		look[r.Path] = &lookup{keys.Blob(r.Blob), r.Size, r.ContentType, r.Modified, true}
	}
	for _, a := range m.Assets {
		look[a.Path] = &lookup{keys.Blob(a.Blob), a.Size, a.ContentType, a.Modified, false}
		look[a.Path+"!"], look[a.Path[:len(a.Path)-1]] = nil, nil
	}
	look["/"], look[""], look["/section 0"] = nil, nil, nil
	for path := range deleted(t, parts, m) {
		look[path] = nil
	}
	text, err := json.MarshalIndent(look, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want["lookups.json"] = append(bytes.ReplaceAll(text, []byte(",\n    "), []byte(", ")), '\n')
	if *update {
		write(t, want)
	}
	got := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name], err = os.ReadFile(filepath.Join(vectors, name)); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("testdata/parts differs (-encoded +stored); run go test ./sync/parts -run Vectors -update:\n%.2000s", diff)
	}
}

// deleted are the paths that the parts have and the site does not.
func deleted(t *testing.T, parts store, m *manifest.Manifest) map[string]bool {
	gone := map[string]bool{}
	for _, b := range parts {
		entries, _, err := decodePart(b, Files)
		if err != nil {
			continue // a part of other entries
		}
		for _, e := range entries {
			gone[e.Path] = true
		}
	}
	for _, a := range m.Assets {
		delete(gone, a.Path)
	}
	if len(gone) != 2 {
		t.Errorf("%d paths of parts are gone, want 2: %q", len(gone), slices.Sorted(maps.Keys(gone)))
	}
	return gone
}

func write(t *testing.T, files map[string][]byte) {
	old, err := filepath.Glob(filepath.Join(vectors, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if !strings.HasSuffix(name, ".md") {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(vectors, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
