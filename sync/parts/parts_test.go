package parts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// store has the parts that were written, by reference.
type store map[manifest.Ref][]byte

func (s store) read(refs []manifest.Ref, decode func(int, []byte) error) error {
	for i, ref := range refs {
		value, ok := s[ref]
		if !ok {
			return fmt.Errorf("part %s was not written", ref)
		}
		if err := decode(i, value); err != nil {
			return err
		}
	}
	return nil
}

// follow encodes a manifest, keeps its parts, and loads its root again.
func (s store) follow(t *testing.T, base *Tree, m *manifest.Manifest, nonce byte) (*Encoded, *Tree) {
	t.Helper()
	out, err := Follow(base, m, manifest.Nonce{7: nonce})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(s, out.Parts)
	return out, s.load(t, out.Root)
}

func (s store) load(t *testing.T, b []byte) *Tree {
	t.Helper()
	root, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Open(root, s.read)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.ReadAll(); err != nil {
		t.Fatal(err)
	}
	return tree
}

// whole reads all parts of a root.
func (s store) whole(r *Root) error {
	tree, err := Open(r, s.read)
	if err != nil {
		return err
	}
	return tree.ReadAll()
}

// site returns a manifest of n files in directories of ten.
func site(n int) *manifest.Manifest {
	m := &manifest.Manifest{Site: "blog",
		Origin:    manifest.Origin{Kind: "commit", ID: "commit:1:2", Rules: "2", Edition: 1},
		Serving:   manifest.Serving{HTMLHandling: "none", Overlay: true},
		Redirects: []manifest.Redirect{{From: "/<old>", To: "/new", Status: 301}},
		Routing:   &manifest.Routing{Worker: []string{"/api/*"}}}
	m.Dirs = append(m.Dirs, manifest.Dir{Path: "/", Tree: oid("root")})
	for i := range n {
		dir := fmt.Sprintf("/section %d/d%04d", i/1000, i/10)
		if i%1000 == 0 {
			m.Dirs = append(m.Dirs, manifest.Dir{Path: fmt.Sprintf("/section %d", i/1000), Tree: oid(dir)})
		}
		if i%10 == 0 {
			m.Dirs = append(m.Dirs, manifest.Dir{Path: dir, Tree: oid(dir + "/")})
		}
		m.Assets = append(m.Assets, file(fmt.Sprintf("%s/é%d.html", dir, i%10), "first"))
	}
	sortManifest(m)
	return m
}

func sortManifest(m *manifest.Manifest) {
	slices.SortFunc(m.Assets, func(a, b manifest.Asset) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Dirs, func(a, b manifest.Dir) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(m.Retired, func(a, b manifest.Retired) int { return strings.Compare(a.Path, b.Path) })
}

func file(path, content string) manifest.Asset {
	blob := manifest.Ref{Hash: manifest.HashOf([]byte(path + content)), Nonce: manifest.Nonce{1}}
	return manifest.Asset{Path: path, Blob: blob, Size: int64(len(content)), ContentType: "text/html; charset=utf-8",
		Modified: 1_700_000_000, OID: oid(path + content)}
}

func oid(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:20])
}

// A manifest that is encoded and loaded is the same.
func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 129, 5000} {
		m := site(n)
		m.Retired = []manifest.Retired{{Asset: file("/gone.html", "x"), Until: 1_800_000_000, Left: 3}}
		m.Retired[0].OID = ""
		m.Assets = append(m.Assets, manifest.Asset{Path: "/zz.mp4", Blob: manifest.Ref{Hash: manifest.HashOf(nil)},
			Size: manifest.MaxValueBytes + 1, ContentType: "video/mp4"})
		_, tree := store{}.follow(t, nil, m, 2)
		if got := tree.Manifest(); !reflect.DeepEqual(got, m) {
			t.Errorf("%d files: %d files, %d directories, head %+v come back", n, len(got.Assets), len(got.Dirs), tree.root.head)
		}
	}
}

// A sequence of changes over parts gives the same manifests as the same changes over whole ones,
// whichever of the two roots each deployment begins with.
func TestSequences(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 1))
		s, m := store{}, site(1200)
		_, base := s.follow(t, nil, m, 0)
		nexts := 0
		for step := byte(1); step < 30; step++ {
			m = change(random, m, 1+random.IntN(120))
			out, tree := s.follow(t, base, m, step)
			if got := tree.Manifest(); !reflect.DeepEqual(got, m) {
				t.Fatalf("seed %d, step %d: another manifest comes back", seed, step)
			}
			base = tree
			if out.Next != nil {
				nexts++
				next := s.load(t, out.Next)
				if got := next.Manifest(); !reflect.DeepEqual(got, m) {
					t.Fatalf("seed %d, step %d: the next root is another manifest", seed, step)
				}
				if random.IntN(2) == 0 {
					base = next
				}
			}
			for i := range m.Retired {
				m.Retired[i].Left-- // the next deployment is one nearer to its end
			}
		}
		if nexts == 0 {
			t.Errorf("seed %d: no next root was written", seed)
		}
	}
}

// change changes, adds, removes and retires files of a copy of m.
func change(random *rand.Rand, before *manifest.Manifest, n int) *manifest.Manifest {
	m := *before
	m.Assets, m.Dirs, m.Retired = slices.Clone(m.Assets), slices.Clone(m.Dirs), slices.Clone(m.Retired)
	for range n {
		i := random.IntN(len(m.Assets))
		switch a := m.Assets[i]; random.IntN(4) {
		case 0:
			m.Assets[i] = file(a.Path, fmt.Sprint(random.Uint64()))
		case 1:
			added := file(a.Path+".new", fmt.Sprint(random.Uint64()))
			if m.At(added.Path) == nil {
				m.Assets = slices.Insert(m.Assets, i+1, added)
				sortManifest(&m)
			}
		case 2:
			m.Assets = slices.Delete(m.Assets, i, i+1)
			a.OID = ""
			if !slices.ContainsFunc(m.Retired, func(r manifest.Retired) bool { return r.Path == a.Path }) {
				m.Retired = append(m.Retired, manifest.Retired{Asset: a, Until: 1_800_000_000, Left: 9})
			}
		case 3:
			if d := random.IntN(len(m.Dirs)); random.IntN(2) == 0 {
				m.Dirs[d].Tree = oid(fmt.Sprint(random.Uint64()))
			} else if len(m.Retired) > 0 {
				m.Retired = slices.Delete(m.Retired, 0, 1)
			}
		}
	}
	sortManifest(&m)
	return &m
}

// A change of one file writes a root and no part; the root names the parts of the base.
func TestOneFile(t *testing.T) {
	s, m := store{}, site(100_000)
	first, base := s.follow(t, nil, m, 0)
	m = change(rand.New(rand.NewPCG(1, 1)), m, 0)
	m.Assets[50_000] = file(m.Assets[50_000].Path, "changed")
	out, _ := s.follow(t, base, m, 1)
	if len(out.Parts) > 0 || out.Next != nil {
		t.Errorf("%d parts are written, next root %t", len(out.Parts), out.Next != nil)
	}
	if n := len(out.Root) - len(first.Root); n > 400 || len(out.Root) > 40_000 {
		t.Errorf("the root has %d bytes, %d more than before", len(out.Root), n)
	}
	t.Logf("%d parts, root of %d bytes", len(first.Parts), len(out.Root))
}

// Differences that are too large for a root become parts, and only where files changed.
func TestCompact(t *testing.T) {
	s, m := store{}, site(100_000)
	first, base := s.follow(t, nil, m, 0)
	m = change(rand.New(rand.NewPCG(1, 1)), m, 0)
	for i := range 400 {
		m.Assets[50_000+i] = file(m.Assets[50_000+i].Path, "changed")
	}
	out, _ := s.follow(t, base, m, 1)
	if out.Next == nil || len(out.Parts) == 0 || len(out.Parts) > 5 {
		t.Errorf("400 neighbours: %d of %d parts are written, next root %t", len(out.Parts), len(first.Parts),
			out.Next != nil)
	}
	for i := range 3000 {
		m.Assets[50_000+i] = file(m.Assets[50_000+i].Path, "again")
	}
	out, _ = s.follow(t, base, m, 2)
	if out.Next != nil || len(out.Parts) == 0 || len(out.Parts) > 30 {
		t.Errorf("3,000 neighbours: %d parts are written, next root %t", len(out.Parts), out.Next != nil)
	}
}

// Bytes that are damaged anywhere are refused, or for a nonce of a link name a part that does
// not exist.
func TestDamage(t *testing.T) {
	s, m := store{}, site(300)
	first, base := s.follow(t, nil, m, 0)
	m = change(rand.New(rand.NewPCG(2, 1)), m, 5)
	out, _ := s.follow(t, base, m, 1)
	for ref, b := range first.Parts {
		for at := 0; at < len(b); at += 7 {
			damaged := slices.Clone(b)
			damaged[at] ^= 1
			for _, kind := range kinds {
				if _, _, err := decodePart(damaged, kind); err == nil {
					t.Fatalf("part %s with byte %d changed is accepted as %s", ref, at, kind)
				}
			}
			if _, _, err := decodePart(b[:at], Files); err == nil {
				t.Fatalf("the first %d bytes of part %s are accepted", at, ref)
			}
		}
	}
	meta := len(out.Root) - word(out.Root, 8)
	for at := range out.Root {
		damaged := slices.Clone(out.Root)
		damaged[at] ^= 1
		root, err := Decode(damaged)
		if err == nil && at < meta {
			err = s.whole(root)
		}
		if err == nil && at < meta {
			t.Fatalf("a root with byte %d of %d changed is accepted", at, len(out.Root))
		}
		if _, err := Decode(out.Root[:at]); err == nil {
			t.Fatalf("the first %d bytes of a root are accepted", at)
		}
	}
}

// A part that is not the one that its link names is refused.
func TestWrongPart(t *testing.T) {
	s := store{}
	out, _ := s.follow(t, nil, site(2000), 0)
	root, err := Decode(out.Root)
	if err != nil {
		t.Fatal(err)
	}
	refs := root.Refs()
	s[refs[0]] = s[refs[1]]
	if err := s.whole(root); !errors.Is(err, manifest.ErrDamaged) {
		t.Errorf("a root with the part of another link: %v", err)
	}
}

func BenchmarkFollow(b *testing.B) {
	s, m := store{}, site(100_000)
	out, err := Follow(nil, m, manifest.Nonce{})
	if err != nil {
		b.Fatal(err)
	}
	maps.Copy(s, out.Parts)
	for b.Loop() {
		root, err := Decode(out.Root)
		if err != nil {
			b.Fatal(err)
		}
		base, err := Open(root, s.read)
		if err == nil {
			err = base.ReadAll()
		}
		if err != nil {
			b.Fatal(err)
		}
		m := base.Manifest()
		m.Assets[50_000] = file(m.Assets[50_000].Path, "changed")
		if _, err := Follow(base, m, manifest.Nonce{1}); err != nil {
			b.Fatal(err)
		}
	}
}
