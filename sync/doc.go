// Package kvsync puts a site into Cloudflare Workers KV and switches a Worker
// to it in one step.
//
// The nouns, one word per thing:
//
//   - A [manifest.Source] is where files come from: a commit (a git tree) or a folder.
//   - An [manifest.Asset] is one file as served: pathname, content hash, size, content
//     type, modified time.
//   - A blob is the bytes of an asset under a key that is written once, before
//     anything names it.
//   - A [manifest.Manifest] is the immutable set of assets of one deployment, with its
//     redirects, headers and serving configuration.
//   - A [plan.Plan] is the difference between two manifests as a value. Planning
//     writes nothing.
//   - A deployment is one activation of a manifest and a Worker version.
//   - The switch is the one step after which visitors see the new manifest.
//     Nothing before it is visible, and nothing after it is required.
//   - A root keeps blobs alive; prune deletes blobs that no root names.
//
// Each stage has a file of its own. Their order is:
//
//	source ─► manifest ─► plan ─► upload ─► record ─► switch ─► prune
//
// [Engine.Deploy] reads like that line. The package imports no SDK, no git library
// and no HTTP. It declares the interfaces that it needs beside the code that uses them:
// [manifest.Source], [cloud.Store], [cloud.Workers] and [cloud.Account].
//
// It gives no advice, because it does not know whether its caller has flags or inputs.
// A run ends with a [guard.Error] or another error; a notice is a [manifest.Problem].
// Both contain a [finding.Finding]: a [finding.Case] and its [finding.Facts].
package kvsync
