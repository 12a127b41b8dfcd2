package rules

import (
	"cmp"
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Live is what the live manifest has.
type Live struct {
	// Exists is false for the first deploy.
	Exists bool
	Assets []manifest.Asset
}

// NewLive makes no index: assets are searched for, so that the cost follows the change.
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

// KeepTime keeps the time of an asset whose content did not change.
func (l *Live) KeepTime(a *manifest.Asset) {
	if old, ok := l.find(a.Path); ok && old.Blob.Hash == a.Blob.Hash && !a.Blob.Hash.IsZero() {
		a.Modified = old.Modified
	}
}
