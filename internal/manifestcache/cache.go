// Package manifestcache keeps manifests and their parts in a folder of the user's.
package manifestcache

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// Bounds of the cache: the manifest of 100,000 files has about 200 parts and 10 MB.
const (
	maxCachedManifest = 64 << 20
	maxCachedBytes    = 128 << 20
	maxCachedFiles    = 2000
)

// evictEvery is the number of values that are put before the bounds are checked again.
const evictEvery = 50

// usedAgain is the age at which a value that is read becomes new again, so that it is not evicted.
const usedAgain = 12 * time.Hour

// Cache keeps stored manifests and their parts, so that a deploy does not fetch the live manifest. The
// engine checks their hashes, so a damaged or forged file only costs a request. Errors are ignored,
// because then a deploy fetches the manifest. A Cache is safe for concurrent use, also by several
// processes.
type Cache struct {
	dir  string
	puts atomic.Int64
}

var _ site.Cache = (*Cache)(nil)

// New returns the cache below the user's cache folder. It is nil without such a folder, as in a
// container without a home directory.
func New(userCache string) *Cache {
	if userCache == "" {
		return nil
	}
	return &Cache{dir: filepath.Join(userCache, "kv-sync", "manifests")}
}

// Get reads a value. It accepts only names that are valid references, because names come from
// the network and become file names.
func (c *Cache) Get(name string) ([]byte, bool) {
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
	if now := time.Now(); now.Sub(info.ModTime()) > usedAgain {
		_ = os.Chtimes(f.Name(), now, now)
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(f, b)
	return b, err == nil
}

// Put writes a value atomically. Now and then it deletes the oldest values beyond the bounds.
func (c *Cache) Put(name string, value []byte) {
	if _, err := manifest.ParseRef(name); err != nil || len(value) > maxCachedManifest {
		return
	}
	if atomicfile.Write(filepath.Join(c.dir, name), value, 0o600) == nil && c.puts.Add(1)%evictEvery == 1 {
		c.evict()
	}
}

// evict removes the oldest files until the limits hold. Temporary files that a killed run left count as
// files, and the newest file always stays.
func (c *Cache) evict() {
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
