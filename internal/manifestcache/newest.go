package manifestcache

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
)

// headBytes is the length of the beginning of a stored manifest that contains the site's name, so
// that the manifests of other sites are not decoded.
const headBytes = 256

// names reports whether a manifest may be that of a site: the site stands at the beginning of a whole
// manifest, and near the end of a root.
func names(b, site []byte) bool {
	if bytes.HasPrefix(b, []byte("KVSR")) {
		return bytes.Contains(b, site)
	}
	return bytes.Contains(b[:min(len(b), headBytes)], site)
}

// Newest returns the newest cached manifest of a site, or nil. It need not be the live one,
// because a source reuses only directories and blobs that it finds unchanged.
func (c *Cache) Newest(ctx context.Context, site string) *manifest.Manifest {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil
	}
	age := func(e os.DirEntry) (at time.Time) {
		if info, err := e.Info(); err == nil {
			at = info.ModTime()
		}
		return at
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmp.Or(age(b).Compare(age(a)), cmp.Compare(a.Name(), b.Name()))
	})
	named := strconv.AppendQuote(nil, site)
	for _, e := range entries {
		b, ok := c.Get(e.Name())
		if !ok || ctx.Err() != nil || !names(b, named) {
			continue
		}
		ref, err := manifest.ParseRef(e.Name())
		if err != nil || manifest.HashOf(b) != ref.Hash {
			continue
		}
		if m, err := c.decode(b); err == nil && m.Site == site {
			return m
		}
	}
	return nil
}

// decode decodes a manifest. One in parts must have all of them in the cache.
func (c *Cache) decode(b []byte) (*manifest.Manifest, error) {
	m, err := manifest.DecodeStored(b)
	if err == nil {
		return m, nil
	}
	root, err := parts.Decode(b)
	if err != nil {
		return nil, err
	}
	tree, err := parts.Open(root, func(refs []manifest.Ref, decode func(int, []byte) error) error {
		for i, ref := range refs {
			value, ok := c.Get(ref.String())
			if !ok {
				return cloud.ErrNotFound
			}
			if err := decode(i, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = tree.ReadAll()
	}
	if err != nil {
		return nil, err
	}
	return tree.Manifest(), nil
}
