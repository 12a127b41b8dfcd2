package simulation

import (
	"flag"
	"testing"
	"time"
)

var (
	seed     = flag.Uint64("seed", 0, "the only seed to play; it prints the history")
	first    = flag.Uint64("first", 1, "the first seed to play")
	slice    = flag.Uint64("slice", 300, "how many seeds to play at least")
	duration = flag.Duration("duration", 0, "how long to play seeds; 0 plays a fixed number")
)

// Promises 1 to 11: whatever the order of the requests of several processes is, and whatever
// goes wrong.
func TestSchedules(t *testing.T) {
	if *seed > 0 {
		play(t, *seed, true)
		return
	}
	begun, count := time.Now(), uint64(0)
	for ; count < *slice || time.Since(begun) < *duration; count++ {
		if *stop && t.Failed() {
			return
		}
		play(t, *first+count, false)
	}
	t.Logf("%d schedules in %s", count, time.Since(begun).Round(time.Second))
}

func play(t *testing.T, seed uint64, show bool) {
	inWorldOf(t, seed, func() *World {
		s := NewSchedule(seed)
		s.Play()
		if wrong := s.Wrong(); wrong != "" {
			t.Errorf("seed %d: %s\nreplay it: go test ./internal/simulation -run '^TestSchedules$' -seed %d", seed, wrong, seed)
		}
		if show {
			t.Log("\n" + s.History())
			for _, p := range s.processes {
				t.Logf("%s: %v %q", p.Name, p.Err, p.Notes)
			}
		}
		return s.World
	})
}

// A seed has one history.
func TestSeedsRepeat(t *testing.T) {
	of := func(seed uint64) (history string) {
		inWorldOf(t, seed, func() *World {
			s := NewSchedule(seed)
			s.Play()
			history = s.History()
			return s.World
		})
		return history
	}
	for seed := range uint64(40) {
		if a, b := of(seed), of(seed); a != b {
			at := 0
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			t.Fatalf("seed %d has two histories, from here on:\n%s\nand\n%s", seed, tail(a, at), tail(b, at))
		}
	}
}

func tail(s string, at int) string { return s[max(0, at-400):min(len(s), at+600)] }
