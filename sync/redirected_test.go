package kvsync

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"
)

// Which files redirects hide, as testdata/redirected has it for both languages.
func TestRedirected(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/redirected/cases.json")
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
		redirected := m.redirected()
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

// A file that a redirect hid is not published by removing it together with the redirect.
func TestNothingRedirectedIsRetired(t *testing.T) {
	t.Parallel()
	e := &Engine{Config: Config{Site: "blog", Grace: 24 * time.Hour, Retain: 5, Now: time.Now}}
	hides := &Manifest{Routing: &Routing{}, Assets: []Asset{{Path: "/a.txt"}, {Path: "/drafts/x.txt"}}, Redirects: []Redirect{{From: "/drafts/*", To: "/", Status: 302}}}
	next := &Manifest{Routing: &Routing{}}
	if stay, guarded := e.retired(next, hides, nil, true); !slices.Equal(pathsOf(stay), []string{"/a.txt"}) || len(guarded) > 0 {
		t.Errorf("%v stay, %v are guarded", pathsOf(stay), guarded)
	}
	if stay, _ := e.retired(next, &Manifest{Routing: &Routing{}}, []*Manifest{hides}, true); !slices.Equal(pathsOf(stay), []string{"/a.txt"}) {
		t.Errorf("after a rollback %v stay", pathsOf(stay))
	}
}
