package build

import (
	"os"
	"testing"
	"time"
)

// With the environment variable BUILD_HIDES_PROCESSES the supervisor sees no process in
// /proc, as with hidepid. A variable's initialiser sets it up, because the supervisor
// runs in an init function, and initialisers run before these.
var _ = func() bool {
	hides := os.Getenv("BUILD_HIDES_PROCESSES") != ""
	if hides {
		listedPIDs = func(func(int) bool) {}
	}
	return hides
}()

// ScopesSignals reports whether confined builds can only signal their own processes.
func ScopesSignals() bool { return newDomain() != nil }

// SetSupervisorTimeout sets the timeout of a supervisor that does not answer.
func SetSupervisorTimeout(t *testing.T, d time.Duration) {
	before := supervisorTimeout
	supervisorTimeout = d
	t.Cleanup(func() { supervisorTimeout = before })
}

// IsChildWithoutProc reports whether a process is a child of this process, without /proc.
func IsChildWithoutProc(pid int) bool {
	for p := range allPIDs {
		if p == pid {
			return isChild(pid)
		}
	}
	return false
}
