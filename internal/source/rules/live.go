package rules

import (
	"cmp"
	"slices"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Live is what the live manifest has.
type Live struct {
	// Exists is false for the first deploy.
	Exists bool
	Assets []kvsync.Asset
}

// NewLive makes no index: assets are searched for, so that the cost follows the change.
func NewLive(m *kvsync.Manifest) *Live {
	if m == nil {
		return &Live{}
	}
	return &Live{Exists: true, Assets: m.Assets}
}

// find returns the asset at a path.
func (l *Live) find(path string) (kvsync.Asset, bool) {
	i, ok := slices.BinarySearchFunc(l.Assets, path, func(a kvsync.Asset, path string) int {
		return cmp.Compare(a.Path, path)
	})
	if !ok {
		return kvsync.Asset{}, false
	}
	return l.Assets[i], true
}

// KeepTime keeps the time of an asset whose content did not change.
func (l *Live) KeepTime(a *kvsync.Asset) {
	if old, ok := l.find(a.Path); ok && old.Blob.Hash == a.Blob.Hash && !a.Blob.Hash.IsZero() {
		a.Modified = old.Modified
	}
}
