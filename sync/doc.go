// Package kvsync puts a site into Cloudflare Workers KV and switches a Worker
// to it in one step.
//
// The nouns, one word per thing:
//
//   - A [manifest.Source] is where files come from: a commit (a git tree) or a folder.
//   - An [manifest.Asset] is one file as served: pathname, content hash, size, content
//     type, modified time.
//   - A blob is an asset's bytes under a key that is written once and never
//     again; it is written before anything names it.
//   - A [manifest.Manifest] is the immutable set of assets of one deployment, with its
//     redirects, headers and serving configuration.
//   - A [Plan] is the difference between two manifests as a value. Planning
//     writes nothing.
//   - A deployment is one activation of a manifest and a Worker version.
//   - The switch is the one step after which visitors see the new manifest.
//     Everything before it is invisible, everything after it is optional.
//   - A root is anything that keeps blobs alive; prune deletes what no root
//     reaches.
//
// The stages stand in a file each and are read in this order:
//
//	source ─► manifest ─► plan ─► upload ─► record ─► switch ─► prune
//
// [Engine.Deploy] reads like that line. The package knows no SDK, no git
// library and no HTTP: what it needs of the outside it declares as small
// interfaces ([manifest.Source], [cloud.Store], [cloud.Workers], [cloud.Account]) beside the code that
// uses them.
//
// It gives no advice either, because it does not know whether its caller takes
// flags or inputs. What stops a run is a [GuardError] or another error; what is
// worth a notice is a [manifest.Problem]. Both say what was found as a [finding.Finding]: a [finding.Case]
// and its [finding.Facts].
package kvsync
