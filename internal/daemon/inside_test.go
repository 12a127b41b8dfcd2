package daemon

import (
	"fmt"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Of a secret that begins like another one nothing is left.
func TestRedactor(t *testing.T) {
	redact := redactor([]string{"abcdef", "abcdefghij", "zy"})
	for text, want := range map[string]string{
		"a abcdefghij b": "a *** b", "a abcdef b": "a *** b", "abcdefabcdefghij": "******",
		"lazy": "lazy", // too short to be a secret
	} {
		if got := redact(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// What time or another look resolves is tried again; what a person has to decide is
// not.
func TestGuardsThatPass(t *testing.T) {
	for guard, want := range map[kvsync.Guard]bool{
		kvsync.GuardOvertaken: true, kvsync.GuardChanged: true, kvsync.GuardClock: true, kvsync.GuardUnread: true,
		kvsync.GuardOlder: false, kvsync.GuardOrder: false, kvsync.GuardHeld: false, kvsync.GuardForeign: false, kvsync.GuardShrink: false, kvsync.GuardDamaged: false,
	} {
		if got := passes(&kvsync.GuardError{Guard: guard}); got != want {
			t.Errorf("%s passes by itself: %t", guard, got)
		}
	}
	if passes(nil) {
		t.Error("no guard passes")
	}
}

// The state of a site that fails every minute stays small, and says what came last.
func TestRunsAreBounded(t *testing.T) {
	var s state
	for i := range 3 * KeptRuns {
		s.add(Run{Commit: fmt.Sprint(i)})
	}
	if len(s.Runs) != KeptRuns || s.Runs[0].Commit != fmt.Sprint(3*KeptRuns-1) {
		t.Errorf("%d runs, the first is %+v", len(s.Runs), s.Runs[0])
	}
}
