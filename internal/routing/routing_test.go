package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestRedirects(t *testing.T) {
	const text = "\ufeff# moved\r\n" +
		"/home301 / 301\r\n" +
		"\n" +
		"notslash /b\n" +
		"/twitch https://twitch.tv\n" +
		"/frag /b#part   # why\n" +
		"/q?x=1#y /b?x=1#y 307\n" +
		"/a/../b/%2e/é /ok 308\n" +
		"/port https://example.com:8443/x 303\n" +
		"/blog/* https://blog.my.domain/:splat\n" +
		"/products/:code/:name /products?code=:code&name=:name\n" +
		"/app/* /app-shell 200\n" +
		"/x/ /y 200\n" +
		"/://x /y\n" +
		"/l/:lang https://:lang.example.com:8443/x\n"
	parsed := ParseRedirects("_redirects", []byte(text), "")
	if len(parsed.Problems) > 0 || len(parsed.Notices) > 0 {
		t.Fatal(parsed.Problems, parsed.Notices)
	}
	want := []manifest.Redirect{
		{From: "/home301", To: "/", Status: 301},
		{From: "/notslash", To: "/b", Status: 302},
		{From: "/twitch", To: "https://twitch.tv/", Status: 302},
		{From: "/frag", To: "/b#part", Status: 302},
		{From: "/q", To: "/b?x=1#y", Status: 307},
		{From: "/b/%C3%A9", To: "/ok", Status: 308},
		{From: "/port", To: "https://example.com:8443/x", Status: 303},
		{From: "/blog/*", To: "https://blog.my.domain/:splat", Status: 302},
		{From: "/products/:code/:name", To: "/products?code=:code&name=:name", Status: 302},
		{From: "/app/*", To: "/app-shell", Status: 200},
		{From: "/x/", To: "/y", Status: 200},
		{From: "/://x", To: "/y", Status: 302},
		{From: "/l/:lang", To: "https://:lang.example.com:8443/x", Status: 302},
	}
	if d := cmp.Diff(want, parsed.Rules); d != "" {
		t.Error(d)
	}
}

func TestRedirectProblems(t *testing.T) {
	for _, tt := range []struct{ line, reason string }{
		{"/a", "expected 2 or 3 words, found 1"},
		{"/a /b 301 x", "expected 2 or 3 words, found 4"},
		{"/a # b", "neither a path"},
		{"/a /b 404", `"404" is no status`},
		{"/a /b 0301", "is no status"},
		{"/a b", "neither a path"},
		{"/a http://b.example/", "neither a path"},
		{"https://a.example/ /b", "must be a path"},
		{"http://a.example/ /b", "must be a path"},
		{"/to/:shop https://:shop/", "could choose the host"},
		{"/to/* https://www.:splat 301", "could choose the host"},
		{"/to/:shop https://:lang.example.com/", "does not capture"},
		{"/a https://b.example/ 200", "can only lead to a path"},
		{"/a/*/b/* /c", "more than one splat"},
		{"/:a/:a /c", "uses :a twice"},
		{"/:splat/* /c", "uses :splat twice"},
		{`/a\b /c`, "backslash"},
		{"/dup /2", "already redirected by line 2"},
		{"/" + strings.Repeat("é", 1000) + " /b", "longer than 1000"},
		{"/\xff /b", "not UTF-8"},
	} {
		problems := ParseRedirects("public/_redirects", []byte("# first\n/dup /1\n"+tt.line+"\n"), "").Problems
		if len(problems) != 1 {
			t.Errorf("%.40q: %d problems: %v", tt.line, len(problems), problems)
			continue
		}
		p := problems[0]
		if p.Path != "public/_redirects" || p.Line != 3 || !strings.Contains(p.Reason, tt.reason) || p.Fix == "" {
			t.Errorf("%.40q: %v; want line 3, %q and a fix", tt.line, p, tt.reason)
		}
	}
}

// Cloudflare ignores rules from a folder, or from all paths below one, to an index.html, whatever their
// status and their target. They are left out here, too.
func TestIgnoredRedirects(t *testing.T) {
	for _, tt := range []struct{ rule, html, fix string }{
		{"/* /index.html 200", "", `not_found_handling = "single-page-application" serves`},
		{"/* /index.html 200", "none", `not_found_handling = "single-page-application" serves`},
		{"/app/* /app/index.html 200", "", "leave index.html off its target"},
		{"/app/* /app/index 302", "", "leave index off its target"},
		{"/category/* /tags/:splat/index.html 200", "", "leave index.html off its target"},
		{"/ /index.html", "", "index.html is served for its folder without one"},
		{"/docs/ /docs/index 301", "", "index.html is served for its folder without one"},
		{"/ /index.html 200", "none", ""},
		{"/app/* https://b.example/index.html", "", ""},
		{"/app /app/index.html 200", "", ""},
		{"/app/* /app/ 200", "", ""},
	} {
		got := ParseRedirects("_redirects", []byte("/a /b\n"+tt.rule), tt.html)
		if len(got.Problems) > 0 {
			t.Errorf("%s: %v", tt.rule, got.Problems)
		}
		if tt.fix == "" {
			if len(got.Notices) > 0 || len(got.Rules) != 2 {
				t.Errorf("%s: %v, rules %v", tt.rule, got.Notices, got.Rules)
			}
			continue
		}
		if len(got.Notices) != 1 || len(got.Rules) != 1 || got.Notices[0].Line != 2 ||
			!strings.Contains(got.Notices[0].Fix, tt.fix) {
			t.Errorf("%s: %v, rules %v", tt.rule, got.Notices, got.Rules)
		}
	}
}

func TestRedirectsReportsAllLines(t *testing.T) {
	problems := ParseRedirects("_redirects", []byte("bad\n/ok /fine\n/a b\n/c /d 999\n"), "").Problems
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if d := cmp.Diff([]int{1, 3, 4}, lines); d != "" {
		t.Error(d)
	}
}

func TestRedirectLimits(t *testing.T) {
	rules := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, text string
		line       int // the line of the problem, or 0 if there is none
	}{
		{"full", rules("/s%d /x", 2000) + rules("/d%d/* /x", 100), 0},
		{"static", rules("/s%d /x", 2001), 2001},
		{"dynamic", rules("/d%d/:p /x", 101), 101},
		{"static below dynamic", "/d/* /x\n" + rules("/s%d /x", 100), 101},
	} {
		problems := ParseRedirects("_redirects", []byte(tt.text), "").Problems
		if tt.line == 0 && len(problems) > 0 || tt.line > 0 && (len(problems) != 1 || problems[0].Line != tt.line) {
			t.Errorf("%s: %v; want line %d", tt.name, problems, tt.line)
		}
	}
}

func TestHeaders(t *testing.T) {
	const text = `# security
/secure/page
  X-Frame-Options: DENY
  X-Content-Type-Options: nosniff
/static/* # not a comment
  Access-Control-Allow-Origin: *
  Link: </a>; rel=preload
  ! X-Robots-Tag
  link: </b>; rel=preload
https://:project.example.dev/*
X-Robots-Tag: noindex
/movies/:title
  x-movie-name: You are watching ":title"
/a b
  ! Age
`
	got, problems := ParseHeaders("_headers", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []manifest.HeaderRule{
		{Path: "/secure/page", Set: [][2]string{{"x-frame-options", "DENY"}, {"x-content-type-options", "nosniff"}}},
		{
			Path:  "/static/*%20",
			Set:   [][2]string{{"access-control-allow-origin", "*"}, {"link", "</a>; rel=preload, </b>; rel=preload"}},
			Unset: []string{"x-robots-tag"},
		},
		{Path: "https://:project.example.dev/*", Set: [][2]string{{"x-robots-tag", "noindex"}}},
		{Path: "/movies/:title", Set: [][2]string{{"x-movie-name", `You are watching ":title"`}}},
		{Path: "/a%20b", Unset: []string{"age"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestHeaderProblems(t *testing.T) {
	for _, tt := range []struct {
		text, reason string
		line         int
	}{
		{"X-A: b", "without a path", 1},
		{"/a\n/b\n  X: y", "/a has no headers", 1},
		{"/a\n X: y\n/b", "/b has no headers", 3},
		{"/a\n nonsense", "no header", 2},
		{"/a\n !X-A", "no header", 2},
		{"/a\n X A: b", "no header name", 2},
		{"/a\n : b", "no header name", 2},
		{"/a\n ! X-A: b", "no header name", 2},
		{"/a\n X-A:", "has no value", 2},
		{"/a\n X-A: b\x01c", "control characters", 2},
		{"http://a.example/*\n X: y", "neither a path", 1},
		{"/a\n Link:https://b.example/", "/a has no headers", 1},
		{"https://a.example:8080/*\n X: y", "names a port", 1},
		{"/*/a/*\n X: y", "more than one splat", 1},
		{"/:a/:a\n X: y", "uses :a twice", 1},
		{"/a\n X: " + strings.Repeat("y", 2000), "longer than 2000", 2},
		{"/a\n X: \xff", "not UTF-8", 2},
	} {
		_, problems := ParseHeaders("_headers", []byte(tt.text))
		if len(problems) == 0 {
			t.Errorf("%.40q: no problem", tt.text)
			continue
		}
		if p := problems[0]; p.Line != tt.line || !strings.Contains(p.Reason, tt.reason) || p.Fix == "" {
			t.Errorf("%.40q: %v; want line %d, %q and a fix", tt.text, p, tt.line, tt.reason)
		}
	}
}

// A problem does not quote a line that is not a header. The line may be a pasted secret, and the
// problem is in the log of a public CI job.
func TestInvalidHeaderLineIsNotQuoted(t *testing.T) {
	for _, line := range []string{"sk_live_s3cret", "!s3cret", "s3cret-s3cret"} {
		_, problems := ParseHeaders("_headers", []byte("/a\n  "+line+"\n"))
		if len(problems) != 1 || strings.Contains(problems[0].String(), "s3cret") {
			t.Errorf("%q: %v", line, problems)
		}
	}
}

func TestHeaderLimit(t *testing.T) {
	text := strings.Repeat("/a\n X: y\n", 100)
	if rules, problems := ParseHeaders("_headers", []byte(text)); len(rules) != 100 || len(problems) > 0 {
		t.Errorf("%d rules, %v", len(rules), problems)
	}
	if _, problems := ParseHeaders("_headers", []byte(text+"/a\n X: y\n/b\n X: y")); len(problems) != 1 ||
		problems[0].Line != 201 {
		t.Error(problems)
	}
}

// ParseRedirects reports each redirect loop once.
func TestRedirectLoops(t *testing.T) {
	for _, tt := range []struct {
		text string
		line int // the line of the problem, or 0 if the rules have no loop
		want string
	}{
		{"/d /d", 1, "/d to /d redirects for ever"},
		{"/d /d?again=1#x 301", 1, "/d to /d?again=1#x redirects"},
		{"/l1 /l2\n/x /l1\n/l2 /l1", 3, "/l1 to /l2 to /l1 redirects"},
		{"/a /b\n/b /c\n/c /a\n/a2 /b", 3, "/a to /b to /c to /a redirects"},
		{"/blog/* /blog/", 1, "/blog/* to /blog/ redirects"},
		{"/blog/* /blog/:splat 301", 1, "/blog/:splat redirects"},
		{"/p/:id/:n /p/:id/:n", 1, "redirects for ever"},
		{"/old /new/x\n/new/* /old", 2, "redirects for ever"},
		{"/:any /here", 1, "/:any to /here redirects"},
		// Rules without a loop.
		{"/d /d 200", 0, ""},
		{"/d https://example.com/d", 0, ""},
		{"/d //example.com/d", 0, ""},
		{"/a /b\n/b /c\n/c /d", 0, ""},
		{"/blog/new /posts\n/blog/* /blog/new", 0, ""},
		{"/blog/new /blog/x 200\n/blog/* /blog/new", 0, ""},
		{"/blog/* /posts/:splat\n/posts/* /p/:splat", 0, ""},
		{"/en/* /:splat", 0, ""},
		{"/D /d", 0, ""},
		{"/:a /x/y", 0, ""},
	} {
		problems := ParseRedirects("_redirects", []byte(tt.text), "").Problems
		switch {
		case tt.line == 0 && len(problems) > 0, tt.line > 0 && len(problems) != 1:
			t.Errorf("%q: %v", tt.text, problems)
		case tt.line > 0 && (problems[0].Line != tt.line || !strings.Contains(problems[0].Reason, tt.want)):
			t.Errorf("%q: %v; want line %d, %q", tt.text, problems[0], tt.line, tt.want)
		}
	}
	var chain strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&chain, "/%d /%d\n", i, (i+1)%2000)
	}
	problems := ParseRedirects("_redirects", []byte(chain.String()), "").Problems
	if len(problems) != 1 || problems[0].Line != 2000 || len(problems[0].Reason) > 200 {
		t.Errorf("a loop of 2,000 rules: %v", problems)
	}
}

// If the parsed rules are written to a file, ParseRedirects returns the same rules again.
func FuzzParseRedirects(f *testing.F) {
	f.Add([]byte("/a /b 301\n/c/* https://d.example/:splat # why\n/:x/y /z?x=:x#é\n"))
	f.Add([]byte("/a\\b //c/../../.. 200\n\ufeff#\n/ /index 308\n% %%2e\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed := ParseRedirects("_redirects", text, "")
		rules, problems := parsed.Rules, parsed.Problems
		checkProblems(t, problems)
		looped := slices.ContainsFunc(problems, func(p manifest.Problem) bool {
			return strings.Contains(p.Reason, "for ever")
		})
		var b strings.Builder
		for _, r := range rules {
			to := r.To
			if host, rest := split(to); host != "" && strings.HasPrefix(rest, "/") {
				to = "https://" + host + "//" + rest // of several slashes Cloudflare drops the first one
			}
			fmt.Fprintf(&b, "%s %s %d\n", r.From, to, r.Status)
		}
		repeated := ParseRedirects("_redirects", []byte(b.String()), "")
		again, problems := repeated.Rules, repeated.Problems
		for _, p := range problems {
			// A percent-encoded line may be too long. The rules of a loop are among the rules,
			// so the loop is reported again.
			if !strings.Contains(p.Reason, "longer than") && (!looped || !strings.Contains(p.Reason, "for ever")) {
				t.Fatalf("%v in %q", p, b.String())
			}
		}
		if len(problems) == 0 {
			if d := cmp.Diff(rules, again); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func FuzzParseHeaders(f *testing.F) {
	f.Add([]byte("/a\n  X-A: b\n  ! X-C\nhttps://:h.example/*\n  Link: </a>; rel=preload\n"))
	f.Add([]byte("X: y\n/a\\b\n:\n! :\n://\nhttps:///\n x:\t\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, problems := ParseHeaders("_headers", text)
		checkProblems(t, problems)
		if len(rules) > MaxHeaderRules {
			t.Fatalf("%d rules", len(rules))
		}
		for _, r := range rules {
			if len(r.Set)+len(r.Unset) == 0 || !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "https://") {
				t.Fatalf("%+v", r)
			}
			for _, s := range r.Set {
				if s[0] != strings.ToLower(s[0]) || strings.ContainsAny(s[1], "\r\n\x00") || !utf8.ValidString(s[1]) {
					t.Fatalf("%q", s)
				}
			}
		}
	})
}

func checkProblems(t *testing.T, problems []manifest.Problem) {
	for _, p := range problems {
		if p.Line < 1 || p.Reason == "" || p.Fix == "" || !utf8.ValidString(p.String()) {
			t.Fatalf("%q", p)
		}
	}
}
