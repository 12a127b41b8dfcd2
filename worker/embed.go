// Package worker holds the Worker side of kv-sync, which is TypeScript, as
// source: esbuild bundles it in-process into each Worker that is deployed, so
// that no generated file is kept and no Node is needed.
package worker

import "embed"

// Source holds src without its tests. src/index.ts is the module "@kv-sync/worker",
// src/site.ts is "@kv-sync/worker/site", src/dynamic.ts is
// "@kv-sync/worker/dynamic", src/default.ts is the Worker of a
// site that has no code of its own, and src/router.ts stands before one that was
// made for Static Assets. Of a site with an overlay, src/default_overlay.ts and
// src/router_overlay.ts take the place of these two, src/read_write.ts is
// "@kv-sync/worker/read-write", and src/overlay.ts, the main module of the
// companion, is "@kv-sync/worker/overlay". Its one external import is
// "./kv-sync-manifest.bin", a data module beside the bundle.
//
//go:embed src/*.ts src/*/*.ts src/*/*.txt
var Source embed.FS
