package source

import (
	"cmp"
	"slices"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// live is what the live manifest has.
type live struct {
	// exists is false for the first deploy.
	exists bool
	assets []kvsync.Asset
}

// newLive makes no index: what a change needs is searched for, so that the cost
// follows the change.
func newLive(m *kvsync.Manifest) *live {
	if m == nil {
		return &live{}
	}
	return &live{exists: true, assets: m.Assets}
}

// find returns the asset at a path.
func (l *live) find(path string) (kvsync.Asset, bool) {
	i, ok := slices.BinarySearchFunc(l.assets, path, func(a kvsync.Asset, path string) int { return cmp.Compare(a.Path, path) })
	if !ok {
		return kvsync.Asset{}, false
	}
	return l.assets[i], true
}

// keepTime gives an asset whose content did not change the time that it has.
func (l *live) keepTime(a *kvsync.Asset) {
	if old, ok := l.find(a.Path); ok && old.Blob.Hash == a.Blob.Hash && !a.Blob.Hash.IsZero() {
		a.Modified = old.Modified
	}
}
