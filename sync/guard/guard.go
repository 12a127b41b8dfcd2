// Package guard names the checks that stop a run before it does harm. The run then ends
// with an [Error], and the live site has not changed.
package guard

import (
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// ID names a check that stopped a run before anything was switched.
type ID string

// The guards.
const (
	Foreign    ID = "foreign"          // the live version was not deployed by kv-sync
	Repository ID = "other-repository" // the live version is from another repository
	Name       ID = "name"             // an earlier kv-sync deployed this site under another name
	Older      ID = "older"            // the commit is an ancestor of the live one
	Order      ID = "unknown-order"    // cannot determine which commit is newer
	Held       ID = "held"             // a rollback left this commit
	Damaged    ID = "damaged"          // the live deployment's manifest is missing
	Clock      ID = "clock"            // this machine's clock is wrong
	Shrink     ID = "shrink"           // empty, or less than half of the files left
	Ignored    ID = "ignored-files"    // files that git ignores, which earlier releases left out
	Target     ID = "no-such-target"   // there is nothing to roll back to
	Missing    ID = "missing-blobs"    // a rollback's blobs are missing
	Secret     ID = "secret-changed"   // a rollback would bring an old secret back
	Forgotten  ID = "forgotten"        // a rollback would bring back what was removed permanently
	Overtaken  ID = "overtaken"        // other runs kept switching
	Unread     ID = "unreadable-root"  // prune cannot read something that may keep blobs alive
	Changed    ID = "changed"          // a file changed meanwhile: see [manifest.ErrChanged]
	Layout     ID = "layout"           // the layout does not support it
	Conflict   ID = "conflict"         // changed both in git and at run time
	Overlay    ID = "overlay"          // edits made at run time would be hidden, or cannot be kept
	Cache      ID = "cache"            // Workers Caching would answer in place of a worker loader
	Confirm    ID = "unconfirmed"      // a person has not confirmed a deletion
	Size       ID = "too-large"        // Cloudflare would refuse its size
	Index      ID = "index"            // the code does not contain the index of its files
	Resource   ID = "no-resource"      // a binding has no resource, and the active version does not have it
)

// Error is a run that a guard stopped. The live site has not changed.
type Error struct {
	Guard ID
	// Finding says what the guard found.
	Finding finding.Finding
	// Removed are the files that the deploy would remove, by path, if Guard is
	// [Shrink]. A size may be unknown: see [plan.Plan].
	Removed []plan.Change
}

// Error is the finding. It does not unwrap to a cause: the guard is why the run
// ended.
func (e *Error) Error() string { return e.Finding.Error() }

// Stop returns the error of a run that the guard stops.
func Stop(g ID, c finding.Case, f finding.Facts) *Error {
	return &Error{Guard: g, Finding: finding.Finding{Case: c, Facts: f}}
}
