package app

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Bounds of the cache: a manifest of 100,000 files has about 8 MB.
const (
	maxCachedManifest = 64 << 20
	maxCachedBytes    = 128 << 20
	maxCachedFiles    = 64
)

// manifestCache keeps stored manifests in a folder of the user's, so that a deploy does not
// fetch the live manifest. The engine checks their hashes, so a damaged or forged file only costs
// a request. Errors are ignored, because then a deploy fetches the manifest.
type manifestCache struct{ dir string }

var _ site.Cache = manifestCache{}

// newManifestCache returns the cache below the user's cache folder. It is nil without such a
// folder, as in a container without a home directory.
func newManifestCache(userCache string) site.Cache {
	if userCache == "" {
		return nil
	}
	return manifestCache{filepath.Join(userCache, "kv-sync", "manifests")}
}

// Get reads a value. It accepts only names that are valid references, because names come from
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

// Put writes a value atomically, and then deletes the oldest values beyond the limits.
func (c manifestCache) Put(name string, value []byte) {
	if _, err := manifest.ParseRef(name); err != nil || len(value) > maxCachedManifest {
		return
	}
	if atomicfile.Write(filepath.Join(c.dir, name), value, 0o600) == nil {
		c.evict()
	}
}

// evict removes the oldest files until the limits hold. Temporary files that a killed run left count as
// files, and the newest file always stays.
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
