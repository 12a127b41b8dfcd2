package app

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Bounds of the cache: a manifest of 100,000 files has about 8 MB.
const (
	maxCachedManifest = 64 << 20
	maxCachedBytes    = 128 << 20
	maxCachedFiles    = 64
)

// manifestCache keeps stored manifests in a folder of the user's, so that a
// deploy need not fetch the one that it compares with. The engine checks what
// it gives against its hash, so a damaged or forged file costs a request and
// nothing else. Whatever fails here is not worth telling.
type manifestCache struct{ dir string }

var _ kvsync.Cache = manifestCache{}

// newManifestCache returns the cache below the user's cache folder, or nil
// where there is none (a container without a home).
func newManifestCache(userCache string) kvsync.Cache {
	if userCache == "" {
		return nil
	}
	return manifestCache{filepath.Join(userCache, "kv-sync", "manifests")}
}

// Get reads a value. A name that is no reference is not there: names come from
// the network and become file names.
func (c manifestCache) Get(name string) ([]byte, bool) {
	if _, err := manifest.ParseRef(name); err != nil {
		return nil, false
	}
	f, err := os.Open(filepath.Join(c.dir, name))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxCachedManifest {
		return nil, false
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(f, b)
	return b, err == nil
}

// Put writes a value to a temporary file and renames it, so that a reader sees it
// whole or not at all. Then it deletes the oldest values beyond the limit.
func (c manifestCache) Put(name string, value []byte) {
	if _, err := manifest.ParseRef(name); err != nil || len(value) > maxCachedManifest {
		return
	}
	if atomicfile.Write(filepath.Join(c.dir, name), value, 0o600) == nil {
		c.evict()
	}
}

// evict removes the oldest files until the rest is within bounds; what a
// killed run left half-written is among them.
func (c manifestCache) evict() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var files []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var total int64
	for i, f := range files {
		if total += f.Size(); i > 0 && (i >= maxCachedFiles || total > maxCachedBytes) {
			_ = os.Remove(filepath.Join(c.dir, f.Name()))
		}
	}
}
