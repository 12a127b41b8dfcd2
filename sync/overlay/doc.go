// Package overlay reads what was written to a site at run time and is served over
// the files of its deployment.
//
// [Read] returns a [Snapshot] of the overlay's record in KV; [Snapshot.Copy] reads
// the content of an [Entry]. Only the overlay's Durable Object writes these keys.
//
// A deploy compares the entries with its manifest ([Edits]): what the manifest has
// already is adopted, so that the overlay may forget it; what covers one of its
// files is shown in the plan.
//
// The Durable Object is in a script of its own, the companion of the site
// ([CompanionName]); [ReadCompanion] reads what a script says about itself.
package overlay
