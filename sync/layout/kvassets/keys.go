package kvassets

import "github.com/kv-sync/kv-sync/sync/manifest"

// Own is the prefix of every key of kv-sync that is not the key of a file.
const Own = ".kv-sync/"

// Keys are the keys of a site that do not belong to a file. The files of this layout
// are at the top of the namespace, which other tools may use too. The value is the
// name of the site.
//
//	.kv-sync/{name}/index/{hash}.{nonce}    a [Record]
//	.kv-sync/{name}/upload/{hash}.{nonce}   the same, before its files were written
//	.kv-sync/{name}/d/{deployment}          the record of a deployment
//	.kv-sync/{name}/h/{deployment}.{nonce}  what is held back while it is live
type Keys string

// Prefix is the prefix of every key of the site.
func (k Keys) Prefix() string { return Own + string(k) + "/" }

// Records is the prefix of the keys of the records.
func (k Keys) Records() string { return k.Prefix() + "index/" }

// Record is the key of a record.
func (k Keys) Record(ref manifest.Ref) string { return k.Records() + ref.String() }

// Upload is the key of a record whose files are being written.
func (k Keys) Upload(ref manifest.Ref) string { return k.Prefix() + "upload/" + ref.String() }

// Deployment is the key of the record of a deployment.
func (k Keys) Deployment(id string) string { return k.Prefix() + "d/" + id }

// Holds is the prefix of the keys of the records of a deployment's holds. A nonce
// follows.
func (k Keys) Holds(id string) string { return k.Prefix() + "h/" + id + "." }
