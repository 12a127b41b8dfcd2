package routing

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// checkLoops reports redirect loops, each once, at its last line. Cloudflare publishes them, and
// browsers stop with an error.
//
// At most one rule answers at the fixed path to which another rule leads, so following the
// rules finds the loops. The target of a rule with captured parts is unknown, unless it equals
// the rule's own pattern.
func (p *redirects) checkLoops() {
	next := p.followers()
	const unvisited, onPath, done = 0, 1, 2
	state := make([]int, len(p.rules))
	for start := range p.rules {
		var path []int
		at := start
		for at >= 0 && state[at] == unvisited {
			state[at] = onPath
			path = append(path, at)
			at = next[at]
		}
		if at >= 0 && state[at] == onPath {
			p.addLoop(path[slices.Index(path, at):])
		}
		for _, i := range path {
			state[i] = done
		}
	}
}

func (p *redirects) addLoop(loop []int) {
	const shown = 5 // of up to 2,000
	last := slices.Max(loop)
	text := p.rules[loop[0]].From
	for n, i := range loop {
		if n == shown {
			text += " to …"
			break
		}
		text += " to " + p.rules[i].To
	}
	p.add(p.seen[p.rules[last].From], "remove one of the rules, or have it lead where none applies",
		"%s redirects for ever", text)
}

// followers returns for each rule the rule that answers at its target, or -1.
func (p *redirects) followers() []int {
	static := map[string]int{}
	type compiled struct {
		index int
		match *regexp.Regexp
	}
	var dynamics []compiled
	for i, r := range p.rules {
		if dynamic(r.From) {
			dynamics = append(dynamics, compiled{i, manifest.MatchPattern(r.From)})
		} else {
			static[r.From] = i
		}
	}
	answers := func(path string) int {
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
	next := make([]int, len(p.rules))
	for i, r := range p.rules {
		next[i] = -1
		path, fixed := leadsTo(r)
		switch {
		case r.Status == 200 || path == "": // it serves a file, or leads to another host
		case fixed:
			next[i] = answers(path)
		case strings.ReplaceAll(path, ":splat", "*") == r.From:
			next[i] = i
		}
	}
	// No rule applies after a rewrite.
	for i, n := range next {
		if n >= 0 && p.rules[n].Status == 200 {
			next[i] = -1
		}
	}
	return next
}

// leadsTo returns the path of this site to which a rule leads, or "" for another host, and
// whether it is the same for every request.
func leadsTo(r manifest.Redirect) (path string, fixed bool) {
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
