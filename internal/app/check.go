package app

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/manifestcache"
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
	if cache := manifestcache.New(s.in.CacheDir); cache != nil {
		base = cache.Newest(ctx, s.Name)
	}
	_, err = src.Files(ctx, base)
	return err
}
