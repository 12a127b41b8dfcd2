package protocol

import (
	"flag"
	"strings"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "search the long casts, too")

func castOf(t *testing.T, name string) *Cast {
	t.Helper()
	c := castNamed(name)
	if c == nil {
		t.Fatalf("there is no cast %q", name)
	}
	return c
}

// No state that a cast can reach violates an invariant, and no search ends at a bound of the model.
func TestCasts(t *testing.T) {
	for _, c := range Casts {
		t.Run(c.Name, func(t *testing.T) {
			if c.Long && !*long {
				t.Skip("it is long")
			}
			began := time.Now()
			f := Search(c, None, All)
			t.Logf("%d states, %d steps, %v", f.States, f.Depth, time.Since(began))
			if f.Invariant != nil {
				t.Errorf("%s:\n%s", f.Invariant.Name, strings.Join(f.Trace, "\n"))
			}
			checkSize(t, c, f)
			if f.Full {
				t.Error("a state has no place for an activation")
			}
		})
	}
}

// Without a rule, the search finds a violation, unless the table says which rule makes up for it.
func TestRulesHaveTeeth(t *testing.T) {
	for _, d := range Rules {
		t.Run(d.Says, func(t *testing.T) {
			if d.Cast == "" {
				if !*long {
					t.Skip("it is long")
				}
				for _, c := range Casts {
					if f := Search(c, d.Rule, All); f.Invariant != nil {
						t.Errorf("%s: %s is violated; name the cast in the table", c.Name, f.Invariant.Name)
					}
				}
				return
			}
			f := Search(castOf(t, d.Cast), d.Rule, All)
			if f.Invariant == nil {
				t.Fatalf("%s: nothing is violated in %d states", d.Cast, f.States)
			}
			t.Logf("%s: %s:\n%s", d.Cast, f.Invariant.Name, strings.Join(f.Trace, "\n"))
		})
	}
}

// Without an assumption, the search finds a violation: it is needed.
func TestAssumptionsAreNeeded(t *testing.T) {
	for _, d := range Assumptions {
		t.Run(d.Says, func(t *testing.T) {
			f := Search(castOf(t, d.Cast), None, d.Assumption)
			if f.Invariant == nil {
				t.Fatalf("%s: nothing is violated in %d states", d.Cast, f.States)
			}
			t.Logf("%s: %s:\n%s", d.Cast, f.Invariant.Name, strings.Join(f.Trace, "\n"))
		})
	}
}
