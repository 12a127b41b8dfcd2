package routing

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// checkLoops adds one problem for each redirect loop, at the last line of the loop. Cloudflare
// publishes such rules, and browsers show an error.
//
// At most one rule matches the target of another rule if that target is the same for every
// request. So each rule has at most one next rule, and checkLoops follows these. The target of a
// rule with captured parts differs between requests. checkLoops reports such a rule only if its
// target equals its own pattern.
func (r *redirects) checkLoops() {
	next := r.nextRules()
	const unvisited, onPath, done = 0, 1, 2
	state := make([]int, len(r.rules))
	for start := range r.rules {
		var path []int
		at := start
		for at >= 0 && state[at] == unvisited {
			state[at] = onPath
			path = append(path, at)
			at = next[at]
		}
		if at >= 0 && state[at] == onPath {
			r.addLoop(path[slices.Index(path, at):])
		}
		for _, i := range path {
			state[i] = done
		}
	}
}

// addLoop adds the problem of a loop, which may have 2,000 rules.
func (r *redirects) addLoop(loop []int) {
	const shown = 5
	last := slices.Max(loop)
	text := r.rules[loop[0]].From
	for n, i := range loop {
		if n == shown {
			text += " to …"
			break
		}
		text += " to " + r.rules[i].To
	}
	r.add(r.lineOf[r.rules[last].From], "remove one of the rules, or point it at a path that no rule matches",
		"%s redirects for ever", text)
}

// nextRules returns for each rule the index of the rule that matches its target, or -1.
func (r *redirects) nextRules() []int {
	static := map[string]int{}
	type compiled struct {
		index int
		match *regexp.Regexp
	}
	var dynamics []compiled
	for i, rule := range r.rules {
		if dynamic(rule.From) {
			dynamics = append(dynamics, compiled{i, manifest.MatchPattern(rule.From)})
		} else {
			static[rule.From] = i
		}
	}
	ruleFor := func(path string) int {
		first, found := static[path]
		for _, d := range dynamics {
			if found && d.index > first {
				break
			}
			if d.match.MatchString(path) {
				return d.index
			}
		}
		if !found {
			return -1
		}
		return first
	}
	next := make([]int, len(r.rules))
	for i, rule := range r.rules {
		next[i] = -1
		path, fixed := targetPath(rule)
		switch {
		case rule.Status == 200 || path == "": // a rewrite, or a redirect to another host
		case fixed:
			next[i] = ruleFor(path)
		case strings.ReplaceAll(path, ":splat", "*") == rule.From:
			next[i] = i
		}
	}
	// A rewrite (status 200) ends the chain, because no rule applies after it.
	for i, n := range next {
		if n >= 0 && r.rules[n].Status == 200 {
			next[i] = -1
		}
	}
	return next
}

// targetPath returns the path of a rule's target, or "" if the target is on another host. fixed
// says that the path is the same for every request.
func targetPath(r manifest.Redirect) (path string, fixed bool) {
	if !strings.HasPrefix(r.To, "/") || strings.HasPrefix(r.To, "//") {
		return "", false
	}
	path = r.To
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	captured := placeholder.FindAllString(r.From, -1)
	if strings.Contains(r.From, "*") {
		captured = append(captured, ":splat")
	}
	for _, name := range placeholder.FindAllString(path, -1) {
		if slices.Contains(captured, name) {
			return path, false
		}
	}
	return path, true
}
