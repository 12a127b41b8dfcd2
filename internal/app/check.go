package app

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Check refuses the files that a deploy of the source would refuse. It sends nothing and needs no
// token. It does not read again the files of a cached manifest.
func (s *Site) Check(ctx context.Context) error {
	src, err := s.Source(ctx)
	if err != nil {
		return err
	}
	var base *manifest.Manifest
	if cache, ok := newManifestCache(s.in.CacheDir).(manifestCache); ok {
		base = cache.newest(ctx, s.Name)
	}
	_, err = src.Files(ctx, base)
	return err
}

// headBytes is the length of the beginning of a stored manifest that contains the site's name, so
// that the manifests of other sites are not decoded.
const headBytes = 256

// newest returns the newest cached manifest of a site, or nil. It need not be the live one,
// because a source reuses only directories and blobs that it finds unchanged.
func (c manifestCache) newest(ctx context.Context, site string) *manifest.Manifest {
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
		if !ok || ctx.Err() != nil || !bytes.Contains(b[:min(len(b), headBytes)], named) {
			continue
		}
		ref, err := manifest.ParseRef(e.Name())
		if err != nil || manifest.HashOf(b) != ref.Hash {
			continue
		}
		if m, err := manifest.DecodeStored(b); err == nil && m.Site == site {
			return m
		}
	}
	return nil
}
