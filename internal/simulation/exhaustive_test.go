package simulation

import (
	"flag"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
)

var (
	only  = flag.String("injection", "", "only the injection with this name; it prints the history")
	every = flag.Int("every", 10, "try each n-th injection only; 1 is all")
	named = flag.String("scenario", "", "only the scenarios whose names have this in them")
	fault = flag.String("fault", "", "only the faults whose names have this in them")
	goOn  = flag.Bool("go-on", false, "go on after a violation")
	crash = flag.Int("crash", 60, "kill the recovery, too, of each n-th injection that is tried")
)

// before runs f in the world in which a scenario's run begins.
func before(t *testing.T, s *Scenario, f func(*World)) {
	t.Helper()
	inWorldOf(t, 1, func() *World {
		w := s.World()
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
			before(t, s, func(w *World) {
				p := w.Do(s.Actor, "ci", s.Run)
				w.Check.End()
				if wrong := s.After(w); wrong != "" || p.Err != nil || len(w.Check.Violations) > 0 {
					t.Errorf("%s, %v, %q\n%s", wrong, p.Err, w.Check.Violations, w.History())
				}
			})
		})
	}
}

// Promises 1 to 8: each fault is injected into each call of each scenario. The recovery of some is
// killed at each of its calls, too.
func TestEveryFault(t *testing.T) {
	all := injections(t)
	count, crashes := 0, 0
	for i, s := range all {
		if *only == "" && !sampled(s, i) || !strings.HasPrefix(*only, s.String()) && *only != "" {
			continue
		}
		if count++; !*goOn && t.Failed() {
			return
		}
		out := try(t, s)
		sparse := s.Scenario.Sparse && *every > 1 && i%2000 > 0
		if sparse || i%(*every**crash) > 0 || s.Scenario.Heavy && i%20 > 0 {
			continue
		}
		for s.Crash = 1; s.Crash <= out.Recovery; s.Crash++ {
			crashes++
			try(t, s)
		}
	}
	t.Logf("%d of %d injections, and %d with a crash in the recovery", count, len(all), crashes)
}

// sampled reports whether the i-th injection is in this slice.
func sampled(in Injection, i int) bool {
	nth := *every
	if in.Scenario.Sparse && nth > 1 {
		nth *= 10
	}
	return i%nth == 0 && mine(i/nth)
}

func try(t *testing.T, in Injection) (out Outcome) {
	t.Helper()
	before(t, in.Scenario, func(w *World) {
		if out = in.Try(w); *only != "" && in.String() != *only {
			return // it leads to the one that is asked for
		}
		if out.Wrong != "" {
			t.Errorf("%s\n%s\nreplay it: go test ./internal/simulation -run '^TestEveryFault$' -injection '%s'", in,
				out.Wrong, in)
		}
		if *only != "" {
			t.Log("\n" + w.History())
		}
	})
	return out
}

// injections are all single faults in all scenarios.
func injections(t *testing.T) (all []Injection) {
	t.Helper()
	for _, s := range Scenarios() {
		if !strings.Contains(s.Name, *named) {
			continue
		}
		before(t, s, func(w *World) {
			for n, c := range s.Calls(w) {
				for _, in := range injectionsAt(s, n+1, c) {
					if strings.Contains(in.Fault.Name, *fault) {
						all = append(all, in)
					}
				}
			}
		})
	}
	return all
}
