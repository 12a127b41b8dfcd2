package simulation

import (
	"flag"
	"strings"
	"testing"
	"time"
)

var race = flag.String("race", "", "only the races whose names have this in them; one call alone prints the history")
var raceAt = flag.Int("at", 0, "the only call at which a race is overtaken")

// Promises 1, 2, 6 and 9: whatever a deploy and a deletion of the same site do at the same time,
// what is live is whole, and running again finishes the work.
func TestRaces(t *testing.T) {
	for _, r := range Races() {
		if !strings.Contains(r.Name, *race) {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			var calls []Seen
			inWorld(t, 1, func(w *World) { calls = r.Calls(w) })
			for n := 1; n <= len(calls); n++ {
				if r.sparse() && *every > 1 && *raceAt == 0 && n%5 != 0 {
					continue
				}
				if r.Promised(calls, n) && (*raceAt == 0 || n == *raceAt) {
					overtake(t, r, n, 0)
					overtake(t, r, n, 20*time.Second) // a plan of that age is not switched to without a look
				}
			}
		})
	}
}

func overtake(t *testing.T, r *Race, n int, after time.Duration) {
	t.Helper()
	inWorld(t, 1, func(w *World) {
		if wrong := r.Try(w, n, after); wrong != "" {
			t.Errorf("at call %d after %s: %s\nreplay it: go test ./internal/simulation -run '^TestRaces$' -race '%s' -at %d", n,
				after, wrong, r.Name, n)
		}
		if *raceAt > 0 {
			t.Log("\n" + w.History())
		}
	})
}

// inWorld runs f in a world of its own.
func inWorld(t *testing.T, seed uint64, f func(*World)) {
	t.Helper()
	inWorldOf(t, seed, func() *World {
		w := NewWorld(seed)
		f(w)
		return w
	})
}
