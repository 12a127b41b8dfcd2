package daemon

import (
	"fmt"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/guard"
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
	for by, want := range map[guard.ID]bool{
		guard.Overtaken: true, guard.Changed: true, guard.Clock: true, guard.Unread: true,
		guard.Older: false, guard.Order: false, guard.Held: false, guard.Foreign: false,
		guard.Shrink: false, guard.Damaged: false,
	} {
		if got := transient(&guard.Error{Guard: by}); got != want {
			t.Errorf("transient(%s) = %t", by, got)
		}
	}
	if transient(nil) {
		t.Error("an error that is not a guard is transient")
	}
}

// After each failed fetch the daemon waits longer, up to 5 minutes, whatever the poll interval
// is.
func TestRetryOfAFetch(t *testing.T) {
	now := time.Now()
	for _, poll := range []Interval{0, Interval(10 * time.Second), Interval(time.Hour)} {
		w := &siteWorker{d: &Daemon{opt: Options{FirstRetry: 2 * time.Second}}, site: &Site{Poll: &poll}}
		for failures, want := range map[int]time.Duration{1: 2 * time.Second, 4: 16 * time.Second, 1000: 5 * time.Minute} {
			w.fetchFailures = failures
			if wait := w.due(now).Sub(now); wait < want/2 || wait > want {
				t.Errorf("poll %s: after %d failures the next attempt is in %s, not %s", time.Duration(poll), failures, wait, want)
			}
		}
		w.fetchFailures = 0
		if due := w.due(now); due.IsZero() != (poll == 0) || due.After(now.Add(time.Duration(poll))) {
			t.Errorf("poll %s: after a success the next attempt is at %s", time.Duration(poll), due)
		}
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
