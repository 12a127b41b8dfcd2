package simulation

import (
	"flag"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

var only = flag.String("strike", "", "only the strikes whose name contains this")

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
	count := 0
	for _, s := range Scenarios() {
		var calls []Seen
		inWorld(t, 1, func(w *World) { calls = s.Calls(w) })
		for n, c := range calls {
			for _, f := range Faults {
				if !f.Hits(c.Kind) {
					continue
				}
				for _, persistent := range []bool{false, true} {
					strike := Strike{Scenario: s, Call: n + 1, Fault: f, Persistent: persistent}
					if persistent && !f.Persistent || !strings.Contains(strike.String(), *only) {
						continue
					}
					count++
					inWorld(t, 1, func(w *World) {
						if out := strike.Try(w); out.Wrong != "" {
							t.Errorf("%s\n%s", strike, out.Wrong)
							if *only != "" {
								t.Log(w.History())
							}
						}
					})
				}
			}
		}
	}
	t.Logf("%d strikes", count)
}
