package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
)

// readPolicy decodes a file of testdata/policy. The tests of worker/ read it too.
func readPolicy(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata/policy", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestNamesVector(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name  string
		Valid bool
	}
	readPolicy(t, "names.json", &cases)
	for _, c := range cases {
		if ValidName(c.Name) != c.Valid {
			t.Errorf("%q is valid: %v, want %v", c.Name, !c.Valid, c.Valid)
		}
	}
}

func TestServingVector(t *testing.T) {
	t.Parallel()
	var want struct {
		HTML     []string `json:"html_handling"`
		NotFound []string `json:"not_found_handling"`
	}
	readPolicy(t, "serving.json", &want)
	if !slices.Equal(want.HTML, wrangler.HTMLHandlings) || !slices.Equal(want.NotFound, wrangler.NotFoundHandlings) {
		t.Errorf("%q and %q, want %q", wrangler.HTMLHandlings, wrangler.NotFoundHandlings, want)
	}
}
