package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readPolicy decodes a file of testdata/policy, which the tests of worker/ also read.
func readPolicy(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../testdata/policy", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestSecretNamesVector(t *testing.T) {
	var cases []struct{ Name, Holds string }
	readPolicy(t, "secret-names.json", &cases)
	if len(cases) < 30 {
		t.Fatalf("only %d names", len(cases))
	}
	for _, c := range cases {
		got := ""
		switch reason := CheckFile("a/"+c.Name, "/a/"+c.Name, 0, false).Reason; {
		case strings.Contains(reason, "private key"):
			got = "private key"
		case reason != "":
			got = "secrets"
		}
		if got != c.Holds {
			t.Errorf("%s holds %q, want %q", c.Name, got, c.Holds)
		}
	}
}

func TestPathsVector(t *testing.T) {
	var cases []struct {
		Path      string
		Published bool
	}
	readPolicy(t, "paths.json", &cases)
	if len(cases) < 40 {
		t.Fatalf("only %d paths", len(cases))
	}
	for _, c := range cases {
		if got := wouldPublish(c.Path); got != c.Published {
			t.Errorf("%.80q: published is %v, want %v", c.Path, got, c.Published)
		}
	}
}

// wouldPublish reports whether a walk of a folder without patterns publishes a pathname.
func wouldPublish(pathname string) bool {
	rel := strings.TrimPrefix(pathname, "/")
	for i, name := range strings.Split(rel, "/") {
		if CheckName(name) != (Problem{}) {
			return false
		}
		above := strings.Join(strings.Split(rel, "/")[:i+1], "/")
		if Select(nil, nil, above, above != rel) != Published {
			return false
		}
	}
	return CheckFile(rel, pathname, 0, false) == (Problem{})
}

func TestLimitsVector(t *testing.T) {
	var limits struct {
		Path      int `json:"path_bytes"`
		Inspected int `json:"inspected_bytes"`
	}
	readPolicy(t, "limits.json", &limits)
	if limits.Path != maxPathBytes || limits.Inspected != InspectBytes {
		t.Errorf("the limits are %d and %d, want %+v", maxPathBytes, InspectBytes, limits)
	}
}

func TestDefaultsVector(t *testing.T) {
	var defaults struct {
		Type string `json:"content_type"`
	}
	readPolicy(t, "defaults.json", &defaults)
	for _, name := range []string{"/a", "/a.unknown", "/a."} {
		if got := ContentType(name); got != defaults.Type {
			t.Errorf("the type of %s is %s, want %s", name, got, defaults.Type)
		}
	}
}
