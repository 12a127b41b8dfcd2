package manifest

import (
	"encoding/json"
	"os"
	"testing"
)

// The cases of testdata/redirected, which the tests of TypeScript read, too.
func TestRedirected(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../testdata/redirected/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		About                     string
		Handling                  string `json:"html_handling"`
		From, Redirected, Reached []string
	}
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) < 5 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		m := &Manifest{Serving: Serving{HTMLHandling: c.Handling}}
		for _, from := range c.From {
			m.Redirects = append(m.Redirects, Redirect{From: from, To: "/", Status: 302})
		}
		redirected := m.Redirected()
		for _, path := range c.Redirected {
			if !redirected(path) {
				t.Errorf("%s: %s is not redirected by %v", c.About, path, c.From)
			}
		}
		for _, path := range c.Reached {
			if redirected(path) {
				t.Errorf("%s: %s is redirected by %v", c.About, path, c.From)
			}
		}
	}
}
