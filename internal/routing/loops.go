package routing

import (
	"regexp"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// checkLoops reports rules that send a visitor round for ever, each circle once,
// at its last line. Cloudflare publishes them, and browsers give up on them.
//
// Every rule that leads to a fixed path of this site has at most one rule that
// answers there, so circles show by following them. Where a rule leads by what
// it captured is not known here, unless that is the very path it came from.
func (p *redirects) checkLoops() {
	next := p.followers()
	const fresh, onPath, done = 0, 1, 2
	state := make([]int, len(p.rules))
	for start := range p.rules {
		var path []int
		at := start
		for at >= 0 && state[at] == fresh {
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

func (p *redirects) addLoop(circle []int) {
	const shown = 5 // of a circle of 2,000
	last := slices.Max(circle)
	way := p.rules[circle[0]].From
	for n, i := range circle {
		if n == shown {
			way += " to …"
			break
		}
		way += " to " + p.rules[i].To
	}
	p.add(p.seen[p.rules[last].From], "remove one of the rules, or have it lead where none applies", "%s redirects for ever", way)
}

// followers gives for each rule the one that answers where it leads, or -1.
func (p *redirects) followers() []int {
	static := map[string]int{}
	type compiled struct {
		index int
		match *regexp.Regexp
	}
	var dynamics []compiled
	for i, r := range p.rules {
		if dynamic(r.From) {
			dynamics = append(dynamics, compiled{i, kvsync.MatchPattern(r.From)})
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
		case r.Status == 200 || path == "": // serves a file, or leaves the site
		case fixed:
			next[i] = answers(path)
		case strings.ReplaceAll(path, ":splat", "*") == r.From:
			next[i] = i
		}
	}
	// A rewrite ends the way: no rule is looked for behind it.
	for i, n := range next {
		if n >= 0 && p.rules[n].Status == 200 {
			next[i] = -1
		}
	}
	return next
}

// leadsTo is the path of this site that a rule leads to, "" for another host's,
// and whether it is the same for every request.
func leadsTo(r kvsync.Redirect) (path string, fixed bool) {
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
