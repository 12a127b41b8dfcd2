package simulation

import (
	"flag"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

var (
	only  = flag.String("strike", "", "only the strikes whose name contains this, with their histories")
	every = flag.Int("every", 10, "strike with each n-th fault only; 1 is all")
)

// inWorld runs f in a world of its own.
func inWorld(t *testing.T, seed uint64, f func(*World)) {
	t.Helper()
	inWorldOf(t, seed, func() *World {
		w := NewWorld(seed)
		f(w)
		return w
	})
}

// inWorldOf runs f, which makes a world, in a bubble.
func inWorldOf(t *testing.T, seed uint64, f func() *World) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		f().Close()
	})
}

// Each scenario succeeds without a fault.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			inWorld(t, 1, func(w *World) {
				s.Before(w)
				p := w.Do(s.Actor, "ci", s.Run)
				w.Check.End()
				if wrong := s.After(w); wrong != "" || p.Err != nil || len(w.Check.Violations) > 0 {
					t.Errorf("%s, %v, %q\n%s", wrong, p.Err, w.Check.Violations, w.History())
				}
			})
		})
	}
}

// Promises 1 to 8: each call of each scenario is struck by each fault.
func TestEveryFault(t *testing.T) {
	all := strikes(t)
	count := 0
	for i, s := range all {
		if *only == "" && i%*every != 0 || !strings.Contains(s.String(), *only) {
			continue
		}
		count++
		inWorld(t, 1, func(w *World) {
			if out := s.Try(w); out.Wrong != "" {
				t.Errorf("%s\n%s\nreplay it: go test ./internal/simulation -run '^TestEveryFault$' -strike '%s'", s, out.Wrong, s)
			}
			if *only != "" {
				t.Log("\n" + w.History())
			}
		})
	}
	t.Logf("%d of %d strikes", count, len(all))
}

// strikes are all single faults in all scenarios.
func strikes(t *testing.T) (all []Strike) {
	t.Helper()
	for _, s := range Scenarios() {
		inWorld(t, 1, func(w *World) {
			for n, c := range s.Calls(w) {
				all = append(all, strikesAt(s, n+1, c)...)
			}
		})
	}
	return all
}
