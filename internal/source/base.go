package source

import (
	"cmp"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// base is what the live manifest knows already.
type base struct {
	exists bool
	assets []kvsync.Asset
	dirs   []kvsync.Dir
	// trees gives the tree of each directory that may be taken over, by path:
	// none if the manifest was made under other rules or from another directory.
	trees map[string]string
	// blobs gives an asset with these bytes, by object id.
	blobs map[string]kvsync.Asset
}

func newBase(m *kvsync.Manifest, origin kvsync.Origin) *base {
	b := &base{trees: map[string]string{}, blobs: map[string]kvsync.Asset{}}
	if m == nil {
		return b
	}
	b.exists, b.assets, b.dirs = true, m.Assets, m.Dirs
	for _, a := range m.Assets {
		if a.OID != "" && !a.Blob.Hash.IsZero() {
			b.blobs[a.OID] = a
		}
	}
	if m.Origin.Kind == KindCommit && m.Origin.Rules == origin.Rules && m.Origin.Dir == origin.Dir {
		for _, d := range m.Dirs {
			b.trees[d.Path] = d.Tree
		}
	}
	return b
}

// find returns the asset at a path.
func (b *base) find(path string) (kvsync.Asset, bool) {
	i, ok := slices.BinarySearchFunc(b.assets, path, func(a kvsync.Asset, path string) int { return cmp.Compare(a.Path, path) })
	if !ok {
		return kvsync.Asset{}, false
	}
	return b.assets[i], true
}

// keepTime gives an asset whose content did not change the time that it has.
func (b *base) keepTime(a *kvsync.Asset) {
	if old, ok := b.find(a.Path); ok && old.Blob.Hash == a.Blob.Hash && !a.Blob.Hash.IsZero() {
		a.Modified = old.Modified
	}
}

// below returns the assets in a directory. They lie together, because they are
// sorted by path.
func (b *base) below(dir string) []kvsync.Asset {
	return span(b.assets, dir+"/", func(a kvsync.Asset) string { return a.Path })
}

// dirsFrom returns a directory and those below it.
func (b *base) dirsFrom(dir string) []kvsync.Dir {
	below := span(b.dirs, dir+"/", func(d kvsync.Dir) string { return d.Path })
	return append([]kvsync.Dir{{Path: dir, Tree: b.trees[dir]}}, below...)
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
