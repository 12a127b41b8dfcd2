package routing

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Limits of a _redirects file.
const (
	MaxStaticRedirects  = 2_000
	MaxDynamicRedirects = 100
	MaxRedirectLine     = 1_000 // characters
)

var statuses = map[string]int{"200": 200, "301": 301, "302": 302, "303": 303, "307": 307, "308": 308}

var toIndex = regexp.MustCompile(`/index(\.html)?$`)

// Redirects are the rules of a _redirects file.
type Redirects struct {
	// Rules are in the order of the file. They are complete only if there is no problem.
	Rules []manifest.Redirect
	// Problems are the lines that cannot be used.
	Problems []manifest.Problem
	// Notices are about the rules that Cloudflare ignores, which are not among Rules.
	Notices []manifest.Problem

	path, html string
	lineOf     map[string]int // the line of each From
}

// ParseRedirects reads the text of a _redirects file. path is the file's name in problems.
// htmlHandling is [kvsync.Serving.HTMLHandling]. It decides which rules Cloudflare takes for loops.
func ParseRedirects(path string, text []byte, htmlHandling string) *Redirects {
	p := redirects{report: report{path: path}, html: htmlHandling, lineOf: map[string]int{}}
	for i, line := range p.lines(text) {
		if isComment(line) {
			continue
		}
		if !p.parse(i+1, line) {
			break
		}
	}
	p.checkLoops()
	return &Redirects{
		Rules: p.rules, Problems: p.problems, Notices: p.notices.problems, path: path, html: htmlHandling, lineOf: p.lineOf,
	}
}

type redirects struct {
	report
	notices         report
	html            string
	rules           []manifest.Redirect
	lineOf          map[string]int // the line of each From
	static, dynamic int
}

// parse reads one line. It returns false if the file has too many rules, because each further
// line would repeat that problem.
func (r *redirects) parse(n int, line string) (more bool) {
	if utf8.RuneCountInString(line) > MaxRedirectLine {
		r.add(n, "shorten it", "the line is longer than %d characters", MaxRedirectLine)
		return true
	}
	fields := strings.Fields(line)
	for i, f := range fields {
		// In "/a /b#x", #x is a fragment. In "/a /b # x", it is a comment.
		if i >= 2 && f[0] == '#' {
			fields = fields[:i]
			break
		}
	}
	if len(fields) < 2 || len(fields) > 3 {
		r.add(n, `write "from to status"; encode spaces as %20`, "expected 2 or 3 words, found %d", len(fields))
		return true
	}
	from, ok := r.from(n, fields[0])
	if !ok {
		return true
	}
	if !r.count(n, from) {
		return false
	}
	to, relative, ok := r.to(n, fields[1], from)
	if !ok {
		return true
	}
	status := 302
	if len(fields) == 3 {
		if status, ok = statuses[fields[2]]; !ok {
			r.add(n, "use 200, 301, 302, 303, 307 or 308", "%.20q is no status of a redirect", fields[2])
			return true
		}
	}
	if relative && r.ignored(from, to) {
		r.noteIgnored(n, from, to)
		return true
	}
	if first, dup := r.lineOf[from]; dup {
		r.add(n, "remove one of them", "%s is already redirected by line %d", from, first)
		return true
	}
	r.lineOf[from] = n
	if status == 200 && !relative {
		r.add(n, "use a path, or a status from 301 to 308",
			"a 200 (proxy) can only lead to a path of this site, not to %s", to)
		return true
	}
	r.rules = append(r.rules, manifest.Redirect{From: from, To: to, Status: status})
	return true
}

func (r *redirects) from(n int, s string) (string, bool) {
	if !strings.HasPrefix(s, "/") && strings.Contains(s, "://") {
		r.add(n, "redirect from a path; use a Redirect Rule of the zone for whole hosts",
			"the source of a redirect must be a path, not %q", s)
		return "", false
	}
	from, _, _ := normalize(s)
	return from, r.checkPattern(n, from)
}

func (r *redirects) to(n int, s, from string) (to string, relative, ok bool) {
	if host, rest := split(s); host != "" {
		if !r.checkHost(n, host, from) {
			return "", false, false
		}
		path, query, fragment := normalize(rest)
		return "https://" + host + path + query + fragment, false, true
	}
	if !strings.HasPrefix(s, "/") {
		r.add(n, `begin it with "/" or "https://"`, "%q is neither a path nor an https URL", s)
		return "", false, false
	}
	path, query, fragment := normalize(s)
	return path + query + fragment, true, true
}

// checkHost adds a problem and returns false for a host that depends on the request in a way that
// serving refuses: a request must not choose the domain, so such a rule would never match.
func (r *redirects) checkHost(n int, host, from string) bool {
	names := placeholder.FindAllStringIndex(host, -1)
	if names == nil {
		return true
	}
	if after := host[names[len(names)-1][1]:]; !strings.Contains(after, ".") {
		r.add(n, "write the domain, as in https://:name.example.com/",
			"a request could choose the host %q, so the rule would never match", host)
		return false
	}
	for _, at := range names {
		name := host[at[0]:at[1]]
		if !captures(from, name) {
			r.add(n, "add the placeholder to the left side, or write the host",
				"the host %q has %s, which %s does not capture", host, name, from)
			return false
		}
	}
	return true
}

// captures reports whether a pattern captures a placeholder. name begins with its colon.
func captures(pattern, name string) bool {
	return name == ":splat" && strings.Contains(pattern, "*") ||
		slices.Contains(placeholder.FindAllString(pattern, -1), name)
}

// count counts a rule and returns false if the file has too many. Like Cloudflare, it counts a
// static rule after a dynamic rule as dynamic.
func (r *redirects) count(n int, from string) bool {
	if r.dynamic == 0 && !dynamic(from) {
		r.static++
		if r.static > MaxStaticRedirects {
			r.add(n, "remove rules, or join some with a splat", "there are more than %d static redirects", MaxStaticRedirects)
			return false
		}
		return true
	}
	r.dynamic++
	if r.dynamic > MaxDynamicRedirects {
		r.add(n, "move rules without splats and placeholders to the top of the file, or remove some",
			"there are more than %d dynamic redirects (every rule after the first dynamic one counts)", MaxDynamicRedirects)
		return false
	}
	return true
}

// ignored reports whether Cloudflare ignores a rule. It takes these rules for loops, also those that
// serve the page (status 200) and those that lead to another folder.
func (r *redirects) ignored(from, to string) bool {
	if !toIndex.MatchString(to) {
		return false
	}
	return strings.HasSuffix(from, "/*") || strings.HasSuffix(from, "/") && r.html != "none"
}

func (r *redirects) noteIgnored(n int, from, to string) {
	fix := "remove the rule, or leave " + toIndex.FindString(to)[1:] + " off its target"
	switch {
	case from == "/*":
		fix = `remove the rule; not_found_handling = "single-page-application" serves index.html for a path without a file`
	case strings.HasSuffix(from, "/"):
		fix = "remove the rule; index.html is served for its folder without one"
	}
	r.notices.path = r.path
	r.notices.add(n, fix, "%s to %s is not used: Cloudflare ignores a rule from this path to an index.html, as a loop",
		from, to)
}
