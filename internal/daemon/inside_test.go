package daemon

import (
	"fmt"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// A secret that begins with another one is redacted completely.
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

// Guards that may pass later are tried again. Guards that need a decision are not.
func TestTransientGuards(t *testing.T) {
	for guard, want := range map[kvsync.Guard]bool{
		kvsync.GuardOvertaken: true, kvsync.GuardChanged: true, kvsync.GuardClock: true, kvsync.GuardUnread: true,
		kvsync.GuardOlder: false, kvsync.GuardOrder: false, kvsync.GuardHeld: false, kvsync.GuardForeign: false,
		kvsync.GuardShrink: false, kvsync.GuardDamaged: false,
	} {
		if got := transient(&kvsync.GuardError{Guard: guard}); got != want {
			t.Errorf("transient(%s) = %t", guard, got)
		}
	}
	if transient(nil) {
		t.Error("an error that is not a guard is transient")
	}
}

// The number of runs is limited, and the newest is first.
func TestRunsAreBounded(t *testing.T) {
	var s state
	for i := range 3 * KeptRuns {
		s.add(Run{Commit: fmt.Sprint(i)})
	}
	if len(s.Runs) != KeptRuns || s.Runs[0].Commit != fmt.Sprint(3*KeptRuns-1) {
		t.Errorf("%d runs, the first is %+v", len(s.Runs), s.Runs[0])
	}
}
