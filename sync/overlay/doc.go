// Package overlay reads what was written to a site at run time and is served over
// the files of its deployment.
//
// [Read] returns a [Snapshot] of the overlay's record in KV; [Snapshot.Copy] reads
// the content of an [Entry]. Only the overlay's Durable Object writes these keys.
//
// A deploy compares the entries with its manifest ([Edits]). Entries that the manifest
// contains already are adopted, so that the overlay may forget them. The plan shows the
// entries that cover one of its files.
//
// The Durable Object is in a script of its own, the companion of the site
// ([CompanionName]). [ReadCompanion] finds out whether a script is a companion.
package overlay
