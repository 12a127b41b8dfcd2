package manifest

import (
	"encoding/json"
	"os"
	"testing"
)

// The cases of testdata/routing, which the tests of TypeScript read, too.
func TestGuards(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../testdata/routing/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		About           string
		Routing         *Routing
		Guarded, Public []string
	}
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) < 10 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		for _, path := range c.Guarded {
			if !c.Routing.Guards(path) {
				t.Errorf("%s: %+v does not guard %s", c.About, c.Routing, path)
			}
		}
		for _, path := range c.Public {
			if c.Routing.Guards(path) {
				t.Errorf("%s: %+v guards %s", c.About, c.Routing, path)
			}
		}
	}
}
