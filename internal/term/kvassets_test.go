package term

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestKVAssets(t *testing.T) {
	uploaded := func(r kvassets.Result, w app.Written, dry bool) func(*Console) {
		return func(c *Console) { c.KVAssets(&r, w, "data/assets.bin", dry) }
	}
	all := kvassets.Result{Namespace: "0f", Title: "__t\x1b", Created: true, Files: 1200, Uploaded: 3, Bytes: 2048,
		Obsolete: 1,
		Notices:  []manifest.Problem{{Path: "lib", Reason: "a submodule is not published"}}}
	check(t, []output{
		{"uploaded", uploaded(all, app.Generated, false), `Note: lib: a submodule is not published
Namespace created: __t\x1b
Uploaded 3 files of 1,200, 2.0 kB.
Manifest Generated: data/assets.bin
` + "Pruning deferred: 1 obsolete file of the earlier manifest. " +
			"When the Worker is published with the new one: kv-sync --prune\n"},
		{"dry", uploaded(all, app.Updated, true), `Note: lib: a submodule is not published
Namespace would be created: __t\x1b
Would upload 3 files of 1,200, 2.0 kB.
Manifest would be Updated: data/assets.bin
` + "Pruning deferred: 1 obsolete file of the earlier manifest. " +
			"When the Worker is published with the new one: kv-sync --prune\n"},
		{"no change", uploaded(kvassets.Result{Namespace: "0f"}, app.Unchanged, true),
			"Namespace used: 0f\nManifest No change: data/assets.bin\n"},
	})
}

func TestKVAssetsPruned(t *testing.T) {
	pruned := func(p layout.Pruned, dry bool) func(*Console) {
		return func(c *Console) { c.KVAssetsPruned(&p, dry) }
	}
	check(t, []output{
		{"all", pruned(layout.Pruned{Deleted: 2, Kept: 1, Young: 3, Left: 4, Unrecorded: 5}, false),
			`Pruned 2 obsolete files; kept 1 key.
Pruning deferred: 3 obsolete files that recent manifests name.
4 more are left for the next prune.
` + "Kept 5 keys in the form of the Rust kv-sync that no record names. " +
				"If nothing else needs such keys: --unrecorded\n"},
		{"dry", pruned(layout.Pruned{Deleted: 1, Keys: []string{"a\x1b"}}, true),
			"  - a\\x1b\nWould prune 1 obsolete file; kept 0 keys.\n"},
	})
}
