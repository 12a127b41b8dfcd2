package build

import (
	"os"
	"testing"
	"time"
)

// With this environment variable the supervisor sees no process in /proc, as with
// hidepid. It is set in a variable's initialiser, because the supervisor runs in init.
var _ = func() bool {
	hides := os.Getenv("BUILD_HIDES_PROCESSES") != ""
	if hides {
		listed = func(func(int) bool) {}
	}
	return hides
}()

// ScopesSignals reports whether confined builds can only signal their own processes.
func ScopesSignals() bool { return newDomain() != nil }

// SetLateSupervisor sets the timeout of a supervisor that does not answer.
func SetLateSupervisor(t *testing.T, d time.Duration) {
	before := lateSupervisor
	lateSupervisor = d
	t.Cleanup(func() { lateSupervisor = before })
}

// HiddenChild reports whether a process is found to be a child without /proc.
func HiddenChild(pid int) bool {
	for p := range all {
		if p == pid {
			return child(pid)
		}
	}
	return false
}
