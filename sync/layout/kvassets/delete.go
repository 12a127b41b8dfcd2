package kvassets

import (
	"context"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Leftovers lists the files that a record of the site names and none of another site,
// then the records, so that a deletion which is interrupted can be finished. Other keys
// of the namespace may be of other tools.
func (k *kvAssets) Leftovers(ctx context.Context, s cloud.Store) (keys []string, err error) {
	var all, records []string
	err = cloud.EachKey(ctx, s, "", func(key cloud.KeyInfo) error {
		if strings.HasPrefix(key.Name, Own) {
			records = append(records, key.Name)
		} else {
			all = append(all, key.Name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	mine, theirs := make(map[string]bool), make(map[string]bool)
	var own []string
	for _, name := range records {
		set, is := theirs, strings.HasPrefix(name, Keys(k.Site).Prefix())
		if is {
			set, own = mine, append(own, name)
		}
		if err := k.mark(ctx, s, name, set); err != nil && (!is || !cloud.Undecodable(err)) {
			return nil, fmt.Errorf("nothing was deleted: %w", err)
		}
	}
	for _, name := range all {
		if mine[name] && !theirs[name] {
			keys = append(keys, name)
		}
	}
	return append(keys, own...), nil
}

// mark marks the files that a record names. Other keys of a site name none.
func (k *kvAssets) mark(ctx context.Context, s cloud.Store, name string, set map[string]bool) error {
	below := strings.SplitN(strings.TrimPrefix(name, Own), "/", 3)
	if len(below) < 3 || below[1] != "index" && below[1] != "upload" {
		return nil
	}
	ref, err := manifest.ParseRef(below[2])
	if err != nil {
		return fmt.Errorf("the key %s: %w", name, err)
	}
	r, err := k.readKVAssetsRecord(ctx, s, name, ref)
	if err != nil {
		return err
	}
	r.Index.Mark(set)
	return nil
}
