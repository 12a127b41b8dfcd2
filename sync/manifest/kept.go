package manifest

import (
	"regexp"
	"slices"
	"strings"
)

// The values of Cache-Control that serving chooses; worker/src/serve/caching.ts has the same.
const (
	revalidated = "public, max-age=0, must-revalidate"
	unchanging  = "public, max-age=31536000, immutable"
)

var (
	// hashedName matches a file name with 8 or more hexadecimal digits between dots.
	hashedName = regexp.MustCompile(`\.([a-f0-9]{8,})(?:\.\w+){1,2}\z`)
	// dated matches a year, or a month whose name has only hexadecimal digits.
	dated     = regexp.MustCompile(`(?:19|20)[0-9]{2}|dec|feb`)
	runs      = regexp.MustCompile(`[a-f]+|[0-9]+`)
	fresh     = regexp.MustCompile(`(?i)(?:^|[\s,])max-age="?([0-9]+)`)
	asksFirst = regexp.MustCompile(`(?i)(?:^|[\s,])no-(?:cache|store)`)
)

// minRuns is how often letters and numerals alternate in a hash. A version or a number with a
// letter, such as 20f5059a or 12345678b, has fewer runs.
const minRuns = 5

// ContentHashed reports whether the name of a file contains a hash of its content. Browsers then
// keep the file for a year, so a date or a version must never match: a hash that looks like one
// is not recognized. worker/src/serve/caching.ts does the same.
func ContentHashed(path string) bool {
	match := hashedName.FindStringSubmatch(path)
	return match != nil && !dated.MatchString(match[1]) && len(runs.FindAllString(match[1], -1)) >= minRuns
}

// Kept returns a function that reports whether browsers keep the file at a path for a month or
// more without a request, because of its name or of a rule of _headers. Rules of single hosts do
// not count.
func (m *Manifest) Kept() func(path string) bool {
	type rule struct {
		pattern *regexp.Regexp
		set     []string
		unset   bool
	}
	var rules []rule
	for _, h := range m.Headers {
		r := rule{unset: slices.Contains(h.Unset, "cache-control")}
		for _, s := range h.Set {
			if s[0] == "cache-control" {
				r.set = append(r.set, s[1])
			}
		}
		if strings.HasPrefix(h.Path, "/") && (r.unset || r.set != nil) {
			r.pattern = MatchPattern(h.Path)
			rules = append(rules, r)
		}
	}
	return func(path string) bool {
		control := revalidated
		if ContentHashed(path) {
			control = unchanging
		}
		pathname := EncodePathname(m.Serving.pathnameOf(path))
		replaced := false // the first rule replaces a header, later ones append to it
		for _, r := range rules {
			if !r.pattern.MatchString(pathname) {
				continue
			}
			if r.unset {
				control = ""
			}
			for _, value := range r.set {
				if replaced && control != "" {
					value = control + ", " + value
				}
				control, replaced = value, true
			}
		}
		return keeps(control)
	}
}

// keeps reports whether browsers keep a response with this Cache-Control for a month or more.
func keeps(control string) bool {
	const leastDigits = len("2592000") // seconds of 30 days
	age := fresh.FindStringSubmatch(control)
	if age == nil || asksFirst.MatchString(control) {
		return false
	}
	seconds := strings.TrimLeft(age[1], "0")
	return len(seconds) > leastDigits || len(seconds) == leastDigits && seconds >= "2592000"
}
