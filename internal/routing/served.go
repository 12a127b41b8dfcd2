package routing

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxStartPages bounds the pages from which [Redirects.ServedLoops] starts. A pathname counts as growing
// without end if one rule makes it longer maxGrowths times, which is when browsers give up, or if
// it gets longer than maxTarget.
const (
	maxStartPages = 1_000
	maxGrowths    = 20
	maxTarget     = MaxRedirectLine + 500
)

// ServedLoops finds the redirect loops that only show when the site is served: loops through a
// redirect of html_handling, and redirects that make the pathname longer without end.
// [ParseRedirects] finds the others. ServedLoops requests the source of each rule and each page,
// and follows the answers as the Worker gives them: the first rule that matches, then the file,
// then html_handling's redirect. files are the sorted pathnames of the site, not encoded.
//
// ServedLoops misses a loop that needs a placeholder's value that no page has, or another host. Without rules, or with
// problems in them, it follows nothing.
func (r *Redirects) ServedLoops(files []string) []manifest.Problem {
	if len(r.Rules) == 0 || len(r.Problems) > 0 {
		return nil
	}
	found := report{path: r.path}
	s := server{rules: r.Rules, html: r.html, files: files, static: map[string]int{}}
	for i, r := range r.Rules {
		if dynamic(r.From) {
			s.dynamic = append(s.dynamic, compiledRule{i, capturing(r.From)})
		} else {
			s.static[r.From] = i
		}
	}
	reported := map[int]bool{}
	for _, start := range s.startPaths() {
		used, where := s.follow(start, reported)
		if len(used) == 0 {
			continue
		}
		last := slices.Max(used)
		reported[last] = true
		found.add(r.lineOf[r.Rules[last].From], "remove the rule, or point it at a pathname at which a file is served",
			"a request for %s is redirected for ever", where)
	}
	return found.problems
}

type compiledRule struct {
	index   int
	pattern *regexp.Regexp
}

// server answers requests as the Worker does.
type server struct {
	rules   []manifest.Redirect
	static  map[string]int
	dynamic []compiledRule
	html    string
	files   []string
}

// capturing compiles a pattern as [manifest.MatchPattern] does, with a group for each placeholder.
func capturing(from string) *regexp.Regexp {
	var b strings.Builder
	for rest := from; rest != ""; {
		if rest[0] == '*' {
			b.WriteString(`(?P<splat>.*)`)
			rest = rest[1:]
		} else if name := placeholder.FindString(rest); name != "" && strings.HasPrefix(rest, name) {
			b.WriteString(`(?P<` + name[1:] + `>[^/]+)`)
			rest = rest[len(name):]
		} else {
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
		}
	}
	return regexp.MustCompile(`\A` + b.String() + `\z`)
}

// startPaths returns the pathnames to request: the source of each rule, with an example in place
// of each placeholder, and the pages, if there are dynamic rules that may match them.
func (s *server) startPaths() []string {
	var out []string
	for _, r := range s.rules {
		out = append(out, placeholder.ReplaceAllString(strings.Replace(r.From, "*", "kv-sync-example", 1), "kv-sync-example"))
	}
	if len(s.dynamic) == 0 {
		return out
	}
	for _, f := range s.files[:min(len(s.files), maxStartPages)] {
		out = append(out, manifest.EncodePathname(f), manifest.EncodePathname(manifest.PathnameOf(f, s.html)))
	}
	return out
}

// follow requests a pathname and follows the redirects. It returns the rules of a loop and a
// pathname from which the loop begins, or no rules if there is no loop. It stops at a rule that is
// reported already, because all pages of a site may lead to the same loop.
func (s *server) follow(start string, reported map[int]bool) (used []int, where string) {
	seen, at := map[string]int{}, start
	length, growths := map[int]int{}, map[int]int{} // of each rule
	var rules []int
	for {
		if from, ok := seen[at]; ok {
			return rules[from:], at
		}
		seen[at] = len(rules)
		if i, target, ok := s.redirect(at); ok {
			if target == "" || reported[i] {
				return nil, ""
			}
			if len(at) > length[i] {
				length[i] = len(at)
				growths[i]++
			}
			if growths[i] > maxGrowths || len(target) > maxTarget {
				return []int{i}, start
			}
			rules, at = append(rules, i), target
			continue
		}
		decoded, err := url.PathUnescape(at)
		if err != nil {
			return nil, ""
		}
		_, next := s.resolve(decoded)
		if next == "" {
			return nil, ""
		}
		at = manifest.EncodePathname(next)
	}
}

// redirect returns the first rule that matches, and its target pathname. target is "" if the rule
// serves a file or redirects to another host.
func (s *server) redirect(at string) (rule int, target string, ok bool) {
	rule, ok = s.static[at]
	var captured map[string]string
	for _, d := range s.dynamic {
		if ok && d.index > rule {
			break
		}
		if m := d.pattern.FindStringSubmatch(at); m != nil {
			rule, ok = d.index, true
			captured = make(map[string]string, len(m)-1)
			for i, name := range d.pattern.SubexpNames()[1:] {
				captured[name] = m[i+1]
			}
			break
		}
	}
	if !ok || s.rules[rule].Status == 200 || !strings.HasPrefix(s.rules[rule].To, "/") {
		return rule, "", ok
	}
	path, _, _ := strings.Cut(s.rules[rule].To, "#")
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "//") {
		return rule, "", true
	}
	path = placeholder.ReplaceAllStringFunc(path, func(name string) string {
		if text, ok := captured[name[1:]]; ok {
			return text
		}
		return name
	})
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	path, _, _ = normalize(path)
	return rule, path, true
}

// resolve returns the file that is served at a pathname, or the pathname to which html_handling
// redirects. Both are "" if no file is found. It decides as resolvePathname in
// worker/src/rules/html.ts; testdata/policy/pathnames.json has the cases.
func (s *server) resolve(pathname string) (file, redirect string) {
	if s.has(pathname) {
		if to := manifest.PathnameOf(pathname, s.html); to != pathname && s.servedAt(to) == pathname {
			return "", to
		}
		return pathname, ""
	}
	if s.html == "none" {
		return "", ""
	}
	for _, candidate := range spellings(pathname) {
		if !s.has(candidate) {
			continue
		}
		to := manifest.PathnameOf(candidate, s.html)
		switch served := s.servedAt(to); {
		case served == candidate && to == pathname:
			return candidate, ""
		case served == candidate:
			return "", to
		case redirect == "" && served != "" && !s.has(to) && to != pathname:
			redirect = to // the page that takes precedence, unless another spelling resolves
		}
	}
	return "", redirect
}

// spellings returns the files that a pathname may mean, as in worker/src/rules/html.ts.
func spellings(pathname string) (files []string) {
	stem := strings.TrimSuffix(strings.TrimSuffix(pathname, ".html"), "/index")
	if dir, ok := strings.CutSuffix(pathname, "/"); ok {
		files = append(files, dir+"/index.html", dir+".html")
	} else if stem != pathname && strings.TrimSuffix(pathname, ".html") != stem {
		files = append(files, stem+"/index.html", stem+".html")
	} else if strings.HasSuffix(pathname, ".html") {
		files = append(files, stem+"/index.html")
	}
	return append(files, pathname+".html", pathname+"/index.html")
}

// servedAt returns the file that is served at a pathname without a redirect, or "".
func (s *server) servedAt(pathname string) string {
	candidates := []string{pathname}
	switch dir, isDir := strings.CutSuffix(pathname, "/"); {
	case isDir && s.html == "force-trailing-slash":
		candidates = []string{pathname + "index.html", dir + ".html"}
	case isDir:
		candidates = []string{pathname + "index.html"}
	case s.html == "drop-trailing-slash":
		candidates = append(candidates, pathname+".html", pathname+"/index.html")
	case s.html != "force-trailing-slash" && s.html != "none":
		candidates = append(candidates, pathname+".html")
	}
	for _, file := range candidates {
		if s.has(file) {
			return file
		}
	}
	return ""
}

func (s *server) has(file string) bool {
	_, ok := slices.BinarySearch(s.files, file)
	return ok
}
