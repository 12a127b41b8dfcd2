package kvsync

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Guard names a check that stopped a run before anything was switched.
type Guard string

// The guards.
const (
	GuardForeign    Guard = "foreign"          // the live version was not deployed by kv-sync
	GuardRepository Guard = "other-repository" // the live version is from another repository
	GuardName       Guard = "name"             // an earlier kv-sync deployed this site under another name
	GuardOlder      Guard = "older"            // the commit is an ancestor of the live one
	GuardOrder      Guard = "unknown-order"    // cannot determine which commit is newer
	GuardHeld       Guard = "held"             // a rollback left this commit
	GuardDamaged    Guard = "damaged"          // the live deployment's manifest is gone
	GuardClock      Guard = "clock"            // this machine's clock is wrong
	GuardShrink     Guard = "shrink"           // empty, or less than half of the files left
	GuardTarget     Guard = "no-such-target"   // there is nothing to roll back to
	GuardMissing    Guard = "missing-blobs"    // a rollback's blobs are gone
	GuardSecret     Guard = "secret-changed"   // a rollback would bring an old secret back
	GuardOvertaken  Guard = "overtaken"        // other runs kept switching
	GuardUnread     Guard = "unreadable-root"  // prune cannot read something that may keep blobs alive
	GuardChanged    Guard = "changed"          // a file changed meanwhile: see [manifest.ErrChanged]
	GuardLayout     Guard = "layout"           // the layout does not support it
	GuardConflict   Guard = "conflict"         // changed both in git and at run time
	GuardOverlay    Guard = "overlay"          // edits made at run time would be hidden, or cannot be kept
	GuardCache      Guard = "cache"            // Workers Caching would answer in place of a worker loader
	GuardIndex      Guard = "index"            // the code does not contain the index of its files
)

// GuardError is a run that a guard stopped. The live site is as it was.
type GuardError struct {
	Guard Guard
	// Finding says what the guard found.
	Finding finding.Finding
	// Removed are the files that the deploy would remove, by path, if Guard is
	// GuardShrink. A size may be unknown: see [Plan].
	Removed []Change
}

// Error is the finding. GuardError does not unwrap to a cause: the guard is why the run
// ended.
func (e *GuardError) Error() string { return e.Finding.Error() }

func stop(g Guard, c finding.Case, f finding.Facts) *GuardError {
	return &GuardError{Guard: g, Finding: finding.Finding{Case: c, Facts: f}}
}

// found is an error with a finding, if no guard stops the run.
func found(c finding.Case, f finding.Facts) error { return finding.New(c, f) }

// problem is a finding about a path.
func problem(path string, c finding.Case, f finding.Facts) manifest.Problem {
	return manifest.ProblemOf(path, c, f)
}

// notice is a finding about a run as a whole.
func notice(c finding.Case, f finding.Facts) manifest.Problem { return problem("", c, f) }

// shortCommit is a commit, or its substitute, as messages name it.
func shortCommit(id string) string { return id[:min(12, len(id))] }

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
