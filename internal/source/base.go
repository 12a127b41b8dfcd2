package source

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// base is the part of the live manifest that the listing of a commit can reuse.
type base struct {
	*rules.Live
	// dirs are the directories that may be reused. The list is empty if the manifest was made
	// under other rules or from another directory.
	dirs []manifest.Dir
}

func newBase(m *manifest.Manifest, origin manifest.Origin) *base {
	b := &base{Live: rules.NewLive(m)}
	if m != nil && reusable(m.Origin, origin) {
		b.dirs = m.Dirs
	}
	return b
}

// tree returns the tree of a directory that may be reused, or "".
func (b *base) tree(path string) string {
	i, ok := slices.BinarySearchFunc(b.dirs, path, func(d manifest.Dir, path string) int {
		return cmp.Compare(d.Path, path)
	})
	if !ok {
		return ""
	}
	return b.dirs[i].Tree
}

// blobs returns an asset with the same bytes for each of the object ids that the manifest has.
func (b *base) blobs(ids map[string]bool) map[string]manifest.Asset {
	known := map[string]manifest.Asset{}
	if len(ids) == 0 {
		return known
	}
	for i := range b.Assets {
		if a := &b.Assets[i]; ids[a.OID] && !a.Blob.Hash.IsZero() {
			known[a.OID] = *a
		}
	}
	return known
}

// below returns the assets in a directory. They are contiguous, because assets are sorted by
// path.
func (b *base) below(dir string) []manifest.Asset {
	return span(b.Assets, dir+"/", func(a manifest.Asset) string { return a.Path })
}

// dirsFrom returns a directory and those below it.
func (b *base) dirsFrom(dir string) []manifest.Dir {
	below := span(b.dirs, dir+"/", func(d manifest.Dir) string { return d.Path })
	return append([]manifest.Dir{{Path: dir, Tree: b.tree(dir)}}, below...)
}

// span returns the elements of a sorted list whose key has a prefix.
func span[T any](list []T, prefix string, key func(T) string) []T {
	from, _ := slices.BinarySearchFunc(list, prefix, func(t T, p string) int { return cmp.Compare(key(t), p) })
	n := 0
	for n < len(list)-from && strings.HasPrefix(key(list[from+n]), prefix) {
		n++
	}
	return list[from : from+n]
}
