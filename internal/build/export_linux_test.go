package build

import (
	"os"
	"testing"
	"time"
)

// A supervisor that has this variable sees no process in /proc, as hidepid can have it.
// A variable, because the supervisor runs in an init function.
var _ = func() bool {
	hides := os.Getenv("BUILD_HIDES_PROCESSES") != ""
	if hides {
		listed = func(func(int) bool) {}
	}
	return hides
}()

// ScopesSignals reports whether the kernel keeps the signals of confined builds
// inside of them.
func ScopesSignals() bool { return newDomain() != nil }

// SetLateSupervisor sets how long a supervisor that does not answer is waited for.
func SetLateSupervisor(t *testing.T, d time.Duration) {
	before := lateSupervisor
	lateSupervisor = d
	t.Cleanup(func() { lateSupervisor = before })
}

// HiddenChild reports whether a child is found without /proc.
func HiddenChild(pid int) bool {
	for p := range all {
		if p == pid {
			return child(pid)
		}
	}
	return false
}
