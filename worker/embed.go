// Package worker holds the Worker side of kv-sync, which is TypeScript, as
// source: esbuild bundles it in-process into each Worker that is deployed, so
// that no generated file is kept and no Node is needed.
package worker

import "embed"

// Source holds src/*.ts. src/index.ts is the module "@kv-sync/worker",
// src/site.ts is "@kv-sync/worker/site", src/dynamic.ts is
// "@kv-sync/worker/dynamic", src/default.ts is the Worker of a
// site that has no code of its own, and src/router.ts stands before one that was
// made for Static Assets. Its one external import is
// "./kv-sync-manifest.bin", a data module beside the bundle.
//
//go:embed src/*.ts
var Source embed.FS
