package parts

import (
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A deploy that reads only the parts of changed directories writes the same manifests.
func TestPartlyRead(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 2))
		s, m := store{}, site(4000)
		out, _ := s.follow(t, nil, m, 0)
		unread, compacted := 0, 0
		for step := byte(1); step < 25; step++ {
			before := m
			m = change(random, m, 1+random.IntN(60))
			base := s.partly(t, out, before, m, random.IntN(2) == 0)
			some := *m
			some.Assets, some.Unread = nil, base.Manifest().Unread
			dirs := changedDirs(before, m)
			for _, a := range m.Assets {
				if !base.hidden(0, a.Path) || slices.Contains(dirs, directory(a.Path)) {
					some.Assets = append(some.Assets, a)
				}
			}
			if some.Unread > 0 {
				unread++
			}
			var err error
			if out, err = Follow(base, &some, manifest.Nonce{7: step}); err != nil {
				t.Fatal(err)
			}
			maps.Copy(s, out.Parts)
			for _, root := range [][]byte{out.Root, out.Next} {
				if root == nil {
					continue
				}
				if got := s.load(t, root).Manifest(); !reflect.DeepEqual(got, m) {
					t.Fatalf("seed %d, step %d: another manifest comes back", seed, step)
				}
			}
			if out.Next != nil {
				compacted++
			}
			for i := range m.Retired {
				m.Retired[i].Left--
			}
		}
		if unread < 10 || compacted < 2 {
			t.Errorf("seed %d: %d steps left parts unread, %d wrote a next root", seed, unread, compacted)
		}
	}
}

// partly opens one of the two roots of a deployment, and reads the parts of the directories in which
// two manifests differ.
func (s store) partly(t *testing.T, out *Encoded, before, now *manifest.Manifest, next bool) *Tree {
	t.Helper()
	b := out.Root
	if next && out.Next != nil {
		b = out.Next
	}
	root, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Open(root, s.read)
	if err == nil {
		err = errors.Join(tree.ReadSmall(), tree.ReadFiles(changedDirs(before, now)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// changedDirs are the directories in which the files of two manifests differ.
func changedDirs(before, now *manifest.Manifest) (dirs []string) {
	for _, pair := range [][2]*manifest.Manifest{{before, now}, {now, before}} {
		for _, a := range pair[0].Assets {
			if b := pair[1].At(a.Path); b == nil || *b != a {
				dirs = append(dirs, directory(a.Path))
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// What two trees have in parts that ReadUnlike did not read is the same.
func TestReadUnlike(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 4))
	s, first := store{}, site(4000)
	out, base := s.follow(t, nil, first, 0)
	for step := byte(1); step < 12; step++ {
		n := random.IntN(300)
		if step < 3 {
			n = 1
		}
		second := change(random, first, n)
		next, tree := s.follow(t, base, second, step)
		a, b := s.unread(t, out.Root), s.unread(t, next.Root)
		if err := ReadUnlike(a, b); err != nil {
			t.Fatal(err)
		}
		now, was := b.Manifest(), a.Manifest()
		for _, pair := range [][3]*manifest.Manifest{{first, second, was}, {second, first, now}} {
			for _, asset := range pair[0].Assets {
				if other := pair[1].At(asset.Path); (other == nil || *other != asset) && pair[2].At(asset.Path) == nil {
					t.Fatalf("step %d: %s differs and was not read", step, asset.Path)
				}
			}
		}
		if step < 3 && now.Unread == 0 {
			t.Errorf("step %d: all parts were read", step)
		}
		out, base, first = next, tree, second
		for i := range first.Retired {
			first.Retired[i].Left--
		}
	}
}

// unread opens a root.
func (s store) unread(t *testing.T, b []byte) *Tree {
	t.Helper()
	root, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Open(root, s.read)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
