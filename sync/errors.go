package kvsync

import "fmt"

// Guard names a check that stopped a run before anything was switched.
type Guard string

// The guards.
const (
	GuardForeign    Guard = "foreign"          // the live version was not deployed by kv-sync
	GuardRepository Guard = "other-repository" // the live version is from another repository
	GuardName       Guard = "name"             // an earlier kv-sync deployed this site under another name
	GuardOlder      Guard = "older"            // the commit is an ancestor of the live one
	GuardOrder      Guard = "unknown-order"    // nobody can tell which commit is newer
	GuardHeld       Guard = "held"             // a rollback left this commit
	GuardDamaged    Guard = "damaged"          // the live deployment's manifest is gone
	GuardClock      Guard = "clock"            // this machine's clock lags
	GuardShrink     Guard = "shrink"           // empty, or less than half of the files left
	GuardTarget     Guard = "no-such-target"   // nothing to roll back to
	GuardMissing    Guard = "missing-blobs"    // a rollback's blobs are gone
	GuardSecret     Guard = "secret-changed"   // a rollback would bring an old secret back
	GuardOvertaken  Guard = "overtaken"        // others kept switching meanwhile
	GuardUnread     Guard = "unreadable-root"  // prune cannot read something that may keep blobs alive
	GuardChanged    Guard = "changed"          // a file changed meanwhile: see [ErrChanged]
	GuardLayout     Guard = "layout"           // the layout has no such thing
	GuardConflict   Guard = "conflict"         // changed both in git and at run time
	GuardOverlay    Guard = "overlay"          // what was written at run time would not be seen, or cannot be kept
	GuardCache      Guard = "cache"            // Workers Caching would stand before a worker loader
	GuardIndex      Guard = "index"            // the code does not hold the index of its files
)

// GuardError is a run that a guard stopped. The live site is as it was.
type GuardError struct {
	Guard Guard
	// Text says what was found, Fix what to do.
	Text, Fix string
	// Removed are the files that would go, in path order, where Guard is
	// GuardShrink. A size may not be known: see [Plan].
	Removed []Change
}

// Error returns the text and the way out.
func (e *GuardError) Error() string {
	if e.Fix == "" {
		return e.Text
	}
	return e.Text + "; " + e.Fix
}

func stop(g Guard, fix, format string, args ...any) *GuardError {
	return &GuardError{Guard: g, Text: fmt.Sprintf(format, args...), Fix: fix}
}
