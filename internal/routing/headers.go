package routing

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Limits of a _headers file.
const (
	MaxHeaderRules = 100
	MaxHeaderLine  = 2_000 // characters
)

var (
	// pathLine is a line that begins a block, also an invalid one.
	pathLine = regexp.MustCompile(`^(/|\S+://)`)
	port     = regexp.MustCompile(`:\d+$`)
	token    = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
)

// ParseHeaders reads the text of a _headers file. path is the file's name in problems. The rules
// have the order of the file. Names are in lower case, and values of one name in a block are
// joined by ", ". Use the rules only if there is no problem.
func ParseHeaders(path string, text []byte) ([]manifest.HeaderRule, []manifest.Problem) {
	p := headers{report: report{path: path}}
	for i, line := range p.lines(text) {
		if isComment(line) {
			continue
		}
		if utf8.RuneCountInString(line) > MaxHeaderLine {
			p.add(i+1, "shorten it", "the line is longer than %d characters", MaxHeaderLine)
			// The block is not empty, whatever the line contains.
			p.empty = false
			continue
		}
		if !pathLine.MatchString(line) {
			p.header(i+1, line)
			continue
		}
		p.finish()
		if p.blocks++; p.blocks > MaxHeaderRules {
			p.add(i+1, "remove rules, or join some with a splat", "there are more than %d rules", MaxHeaderRules)
			break
		}
		p.begin(i+1, line)
	}
	p.finish()
	return p.rules, p.problems
}

type headers struct {
	report
	rules  []manifest.HeaderRule
	blocks int

	// The block being read.
	open  bool // a path line came
	bad   bool // the path line was refused, so its headers are read and discarded
	empty bool // the block has no header line yet
	rule  manifest.HeaderRule
	line  int
}

func (p *headers) begin(n int, line string) {
	path, ok := p.path(n, line)
	p.open, p.bad, p.empty = true, !ok, true
	p.rule, p.line = manifest.HeaderRule{Path: path}, n
}

func (p *headers) finish() {
	if !p.open {
		return
	}
	p.open = false
	switch {
	case p.bad:
	case p.empty:
		p.add(p.line, "add a header below it, or remove it", "%s has no headers", p.rule.Path)
	case len(p.rule.Set)+len(p.rule.Unset) > 0:
		p.rules = append(p.rules, p.rule)
	}
}

func (p *headers) path(n int, line string) (string, bool) {
	host, rest := split(line)
	switch {
	case host == "" && line[0] != '/':
		p.add(n, `begin it with "/" or "https://"; in a header, put a space after the colon`,
			"%.100q is neither a path nor an https URL", line)
		return "", false
	case port.MatchString(host):
		p.add(n, "leave the port out; rules apply on every port", "%.100q names a port", line)
		return "", false
	}
	path, _, _ := normalize(rest)
	if host != "" {
		path = "https://" + host + path
	}
	return path, p.checkPattern(n, path)
}

func (p *headers) header(n int, line string) {
	p.empty = false
	if !p.open {
		p.add(n, `put a path such as "/*" above it`, "a header without a path")
		return
	}
	if name, unset := strings.CutPrefix(line, "! "); unset && !strings.Contains(line, ":") {
		name = strings.TrimSpace(name)
		if !token.MatchString(name) {
			p.add(n, `write "! Name"`, "%.100q is no header name", name)
			return
		}
		p.rule.Unset = append(p.rule.Unset, strings.ToLower(name))
		return
	}
	name, value, found := strings.Cut(line, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !found:
		// The line may contain a secret, so it is not quoted.
		p.add(n, `write "Name: value", or "! Name" to take a header off`, "the line is no header")
	case !token.MatchString(name):
		p.add(n, "use letters, digits and dashes", "%.100q is no header name", name)
	case value == "":
		p.add(n, `give it one, or write "! Name" to take the header off`, "the header %s has no value", name)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		p.add(n, "remove them", "the value of %s has control characters", name)
	default:
		p.set(name, value)
	}
}

// set joins the values of one name like a Headers object.
func (p *headers) set(name, value string) {
	i := slices.IndexFunc(p.rule.Set, func(s [2]string) bool { return s[0] == name })
	if i < 0 {
		p.rule.Set = append(p.rule.Set, [2]string{name, value})
		return
	}
	p.rule.Set[i][1] += ", " + value
}
