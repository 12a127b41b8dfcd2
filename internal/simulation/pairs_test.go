package simulation

import (
	"flag"
	"strings"
	"testing"
)

var pairs = flag.Int("pairs", 200, "try each n-th pair of faults in one run; 1 is all")

// Promises 1 to 8: any two faults are injected into two calls of a deploy of one changed file.
// With -scenario it is another scenario.
func TestPairs(t *testing.T) {
	number, count := 0, 0
	for _, s := range injections(t) {
		if *named == "" && s.Scenario.Name != "deploy" || s.Persistent {
			continue
		}
		if *only != "" && !strings.HasPrefix(*only, s.String()) {
			continue
		}
		for _, pair := range s.then(try(t, s).Later) {
			number++
			if *only == "" && (number%*pairs != 0 || !mine(number / *pairs)) || *only != "" && *only != pair.String() {
				continue
			}
			if count++; !*goOn && t.Failed() {
				return
			}
			try(t, pair)
		}
	}
	t.Logf("%d of %d pairs of faults", count, number)
}
