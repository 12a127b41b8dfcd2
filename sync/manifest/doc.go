// Package manifest describes the files of a site, and the keys and values that
// store them in Workers KV. It sends no request.
//
// Content is named by a [Hash]. A [Ref] is a hash and the [Nonce] of the run
// that wrote the content, so a key is written once and never again. An [Asset]
// is one file as it is served. A [Manifest] is the set of assets of one
// deployment, with its redirects, headers and configuration.
//
// A manifest has two encodings, which docs/format.md specifies:
//
//   - [EncodeStored] and [DecodeStored]: what the next plan, a rollback and a
//     prune read.
//   - [EncodeServed]: what the Worker uses to look up pathnames.
//
// [Keys] gives the key of each value of a site. A file that is too large for one
// value is stored as chunks; [ChunkIndex] lists them, and [Hasher] computes the hash
// of a file of any size in one pass.
//
// A [Source] lists files ([Listing]); internal/source implements it for a git
// commit and for a folder.
package manifest
