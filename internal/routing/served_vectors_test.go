package routing

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Pathnames resolve to files as in worker/, whose tests read the same cases.
func TestPathnamesVector(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/policy/pathnames.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Files []string
		Cases []struct {
			Request string
			Answers map[string]string
		}
		NotFound []struct{ Request string } `json:"not_found"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 45 || len(v.NotFound) < 5 {
		t.Fatalf("only %d and %d cases", len(v.Cases), len(v.NotFound))
	}
	slices.Sort(v.Files)
	answer := func(request, html string) string {
		decoded, err := url.PathUnescape(request)
		if err != nil {
			t.Fatal(err)
		}
		switch file, redirect := (&server{html: html, files: v.Files}).resolve(decoded); {
		case file != "":
			return "=" + file
		case redirect != "":
			return ">" + manifest.EncodePathname(redirect)
		}
		return "-"
	}
	for _, c := range v.Cases {
		if len(c.Answers) != 4 {
			t.Errorf("%s has %d answers", c.Request, len(c.Answers))
		}
		for html, want := range c.Answers {
			if got := answer(c.Request, html); got != want {
				t.Errorf("%s with %s: %s, want %s", c.Request, html, got, want)
			}
		}
	}
	for _, c := range v.NotFound { // not_found_handling has no effect on redirects
		if got := answer(c.Request, "auto-trailing-slash"); got != "-" {
			t.Errorf("%s: %s", c.Request, got)
		}
	}
}
