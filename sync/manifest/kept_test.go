package manifest

import (
	"encoding/json"
	"os"
	"testing"
)

// The Worker library recognizes the same names.
func TestHashedNamesVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../testdata/policy/hashed-names.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Path   string
		Hashed bool
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		if got := ContentHashed(c.Path); got != c.Hashed {
			t.Errorf("%s: %t, want %t", c.Path, got, c.Hashed)
		}
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	control := func(path string, values ...string) HeaderRule {
		r := HeaderRule{Path: path}
		for _, v := range values {
			r.Set = append(r.Set, [2]string{"cache-control", v})
		}
		return r
	}
	without := HeaderRule{Path: "/*", Unset: []string{"cache-control"}}
	for _, tt := range []struct {
		about, path string
		headers     []HeaderRule
		want        bool
	}{
		{"a name without a hash", "/a.css", nil, false},
		{"a hash", "/a.3f2a9c1b.css", nil, true},
		{"a date", "/a.2024dec01.css", nil, false},
		{"a rule for the folder", "/x/a.css", []HeaderRule{control("/x/*", "public, max-age=31536000, immutable")}, true},
		{"a rule for another folder", "/y/a.css", []HeaderRule{control("/x/*", "max-age=31536000")}, false},
		{"30 days", "/a.css", []HeaderRule{control("/:f", "max-age=2592000")}, true},
		{"almost 30 days", "/a.css", []HeaderRule{control("/:f", "max-age=2591999")}, false},
		{"a rule that shortens a hash", "/a.3f2a9c1b.css", []HeaderRule{control("/*", "max-age=60")}, false},
		{"a rule that removes the header", "/a.3f2a9c1b.css", []HeaderRule{without}, false},
		{"a rule after the removal", "/a.css", []HeaderRule{without, control("/*", "max-age=99999999")}, true},
		{"no-cache", "/a.css", []HeaderRule{control("/*", "no-cache, max-age=31536000")}, false},
		{"only shared caches", "/a.css", []HeaderRule{control("/*", "s-maxage=31536000")}, false},
		{"a second rule appends", "/a.css", []HeaderRule{control("/*", "public"), control("/a*", "max-age=31536000")}, true},
		{"the pathname of a page", "/about.html", []HeaderRule{control("/about", "max-age=31536000")}, true},
		{"an encoded pathname", "/ü.css", []HeaderRule{control("/%C3%BC.css", "max-age=31536000")}, true},
		{"one host", "/a.css", []HeaderRule{control("https://x.example/*", "max-age=31536000")}, false},
	} {
		m := &Manifest{Headers: tt.headers}
		if got := m.Kept()(tt.path); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.about, got, tt.want)
		}
	}
}
