package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestServedLoops(t *testing.T) {
	files := []string{
		"/404.html", "/both.html", "/both/index.html", "/contact.html", "/index.html", "/notes.txt", "/team/index.html",
		"/ä.html",
	}
	slices.Sort(files)
	for _, tt := range []struct {
		rules, html string
		line        int // of the problem, 0 for none
	}{
		// The target is a spelling of the page that html_handling redirects back to the source.
		{"/contact /contact.html 301", "", 1},
		{"/x /y\n/contact /contact/", "", 2},
		{"/contact/ /contact", "force-trailing-slash", 1},
		{"/team/ /team", "", 1},
		{"/team /team/", "drop-trailing-slash", 1},
		{"/%C3%A4 /ä.html", "", 1},
		{"/:page /:page.html 301", "", 1},
		{"/:page /:page/index.html 301", "", 1},
		{"/contact /c\n/c /contact.html", "", 2},
		// Captures.
		{"/*.txt /:splat.md 301\n/notes.md /notes.txt", "", 2},
		{"/a/:x /b/:x\n/b/:y /c/:y\n/c/:z /a/:z", "", 3},
		{"/a/:x/:y /a/:y/:x", "", 1},
		{"/a/:x/:y /:y\n/c /a/y/c", "", 2},
		// The pathname grows.
		{"/* /en/:splat 301", "", 1},
		{"/docs/* /docs/v1/:splat 301", "", 1},
		// No loop.
		{"/about /contact", "", 0},
		{"/contact.html /contact", "", 0},
		{"/team /team/ 301", "", 0},
		{"/contact /contact.html", "none", 0},
		{"/contact /contact.html 200", "", 0},
		{"/both /both/ 301", "", 0},
		{"/missing /missing.html", "", 0},
		{"/en/* /:splat", "", 0},
		{"/blog/* /news/:splat", "", 0},
		{"/* https://other.example/:splat", "", 0},
		{"/notes /notes.txt", "", 0},
		{"/a /b\n/b /c\n/c /contact", "", 0},
	} {
		problems := ParseRedirects("_redirects", []byte(tt.rules), tt.html).ServedLoops(files)
		switch {
		case tt.line == 0 && len(problems) > 0, tt.line > 0 && len(problems) == 0:
			t.Errorf("%q %s: %v", tt.rules, tt.html, problems)
		case tt.line > 0 && (problems[0].Line != tt.line || !strings.Contains(problems[0].Reason, "for ever")):
			t.Errorf("%q %s: %v", tt.rules, tt.html, problems)
		}
	}
}

// A loop that all pages lead to is followed once, and only until the pathname is known to grow.
// The test counts allocations, because they do not depend on the speed of the machine.
func TestServedLoopsFollowsALoopOnce(t *testing.T) {
	var files []string
	for i := range 2 * maxStartPages {
		files = append(files, fmt.Sprintf("/section/page-%04d/index.html", i))
	}
	allocations := testing.AllocsPerRun(1, func() {
		if problems := ParseRedirects("_redirects", []byte("/* /en/:splat"), "").ServedLoops(files); len(problems) != 1 {
			t.Error(problems)
		}
	})
	// A page takes about 25 allocations. Following 20 redirects from it would take 20 times that.
	if perPage := allocations / maxStartPages; perPage > 100 {
		t.Errorf("%.0f allocations for each page", perPage)
	}

	s := server{
		rules:   []manifest.Redirect{{From: "/*", To: "/en/:splat", Status: 302}},
		dynamic: []compiledRule{{0, capturing("/*")}},
	}
	if followed := testing.AllocsPerRun(1, func() { s.follow("/a", nil) }); followed > 1_000 {
		t.Errorf("%.0f allocations for a pathname that grows", followed)
	}
}
