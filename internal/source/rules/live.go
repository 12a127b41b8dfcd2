package rules

import (
	"cmp"
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Live has the assets of the live manifest.
type Live struct {
	// Exists reports whether there is a live manifest. There is none at the first deploy.
	Exists bool
	Assets []manifest.Asset
}

// NewLive returns the assets of a manifest, which may be nil. It builds no index: a binary search
// for each changed file is cheaper.
func NewLive(m *manifest.Manifest) *Live {
	if m == nil {
		return &Live{}
	}
	return &Live{Exists: true, Assets: m.Assets}
}

// find returns the asset at a path.
func (l *Live) find(path string) (manifest.Asset, bool) {
	i, ok := slices.BinarySearchFunc(l.Assets, path, func(a manifest.Asset, path string) int {
		return cmp.Compare(a.Path, path)
	})
	if !ok {
		return manifest.Asset{}, false
	}
	return l.Assets[i], true
}

// KeepTime sets the time of an asset to that of the live asset at its path, if both have the same
// content.
func (l *Live) KeepTime(a *manifest.Asset) {
	if old, ok := l.find(a.Path); ok && old.Blob.Hash == a.Blob.Hash && !a.Blob.Hash.IsZero() {
		a.Modified = old.Modified
	}
}
