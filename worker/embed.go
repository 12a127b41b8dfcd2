// Package worker embeds the source of kv-sync's Worker library, which is TypeScript. A deploy bundles
// it with esbuild, in-process: the repository has no generated file, and a deploy needs no Node.
package worker

import "embed"

// Source is the folder src without its tests. Its entry points are:
//
//   - src/index.ts is "@kv-sync/worker", src/site.ts is "@kv-sync/worker/site", src/dynamic.ts is
//     "@kv-sync/worker/dynamic", and src/read_write.ts is "@kv-sync/worker/read-write".
//   - src/default.ts is the Worker of a site without code. If the site has an overlay, it is
//     src/default_overlay.ts.
//   - src/router.ts wraps a Worker that was written for Static Assets. If the site has an overlay, it
//     is src/router_overlay.ts.
//   - src/overlay.ts is "@kv-sync/worker/overlay", the main module of the companion script.
//
// The code imports one module that is not here: "./kv-sync-manifest.bin", which a deploy adds.
//
//go:embed src/*.ts src/*/*.ts src/*/*.txt
var Source embed.FS
