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
	// pathLine matches the first line of a block. It also matches some invalid lines.
	pathLine = regexp.MustCompile(`^(/|\S+://)`)
	port     = regexp.MustCompile(`:\d+$`)
	token    = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
)

// ParseHeaders reads the text of a _headers file. path is the file's name in problems. The rules
// are in the order of the file. Header names are in lower case. If a block sets a header more
// than once, the values are joined by ", ". The rules are complete only if there is no problem.
func ParseHeaders(path string, text []byte) ([]manifest.HeaderRule, []manifest.Problem) {
	p := headers{report: report{path: path}}
	for i, line := range p.lines(text) {
		if isComment(line) {
			continue
		}
		if utf8.RuneCountInString(line) > MaxHeaderLine {
			p.add(i+1, "shorten it", "the line is longer than %d characters", MaxHeaderLine)
			p.empty = false // so that the block is not also reported as empty
			continue
		}
		if !pathLine.MatchString(line) {
			p.header(i+1, line)
			continue
		}
		p.endBlock()
		if p.blocks++; p.blocks > MaxHeaderRules {
			p.add(i+1, "remove rules, or join some with a splat", "there are more than %d rules", MaxHeaderRules)
			break
		}
		p.beginBlock(i+1, line)
	}
	p.endBlock()
	return p.rules, p.problems
}

type headers struct {
	report
	rules  []manifest.HeaderRule
	blocks int

	// The other fields describe the current block. line is the number of its path line.
	line    int
	rule    manifest.HeaderRule
	inBlock bool // the parser has read the block's path line
	invalid bool // the path line is invalid, so the block's headers are not used
	empty   bool // the block has no header line yet
}

// beginBlock starts a block with its path line.
func (h *headers) beginBlock(n int, line string) {
	path, ok := h.path(n, line)
	h.inBlock, h.invalid, h.empty = true, !ok, true
	h.rule, h.line = manifest.HeaderRule{Path: path}, n
}

// endBlock adds the rule of the current block.
func (h *headers) endBlock() {
	if !h.inBlock {
		return
	}
	h.inBlock = false
	switch {
	case h.invalid:
	case h.empty:
		h.add(h.line, "add a header below it, or remove it", "%s has no headers", h.rule.Path)
	case len(h.rule.Set)+len(h.rule.Unset) > 0:
		h.rules = append(h.rules, h.rule)
	}
}

func (h *headers) path(n int, line string) (string, bool) {
	host, rest := split(line)
	switch {
	case host == "" && line[0] != '/':
		h.add(n, `begin it with "/" or "https://"; in a header, put a space after the colon`,
			"%.100q is neither a path nor an https URL", line)
		return "", false
	case port.MatchString(host):
		h.add(n, "leave the port out; rules apply on every port", "%.100q names a port", line)
		return "", false
	}
	path, _, _ := normalize(rest)
	if host != "" {
		path = "https://" + host + path
	}
	return path, h.checkPattern(n, path)
}

func (h *headers) header(n int, line string) {
	h.empty = false
	if !h.inBlock {
		h.add(n, `put a path such as "/*" above it`, "a header without a path")
		return
	}
	if name, unset := strings.CutPrefix(line, "! "); unset && !strings.Contains(line, ":") {
		name = strings.TrimSpace(name)
		if !token.MatchString(name) {
			h.add(n, `write "! Name"`, "%.100q is no header name", name)
			return
		}
		h.rule.Unset = append(h.rule.Unset, strings.ToLower(name))
		return
	}
	name, value, found := strings.Cut(line, ":")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case !found:
		// The line may contain a secret, so it is not quoted.
		h.add(n, `write "Name: value", or "! Name" to remove a header`, "the line is no header")
	case !token.MatchString(name):
		h.add(n, "use letters, digits and dashes", "%.100q is no header name", name)
	case value == "":
		h.add(n, `give it one, or write "! Name" to remove the header`, "the header %s has no value", name)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		h.add(n, "remove them", "the value of %s has control characters", name)
	default:
		h.set(name, value)
	}
}

// set sets a header. If the header is already set, it appends the value with ", ".
func (h *headers) set(name, value string) {
	i := slices.IndexFunc(h.rule.Set, func(s [2]string) bool { return s[0] == name })
	if i < 0 {
		h.rule.Set = append(h.rule.Set, [2]string{name, value})
		return
	}
	h.rule.Set[i][1] += ", " + value
}
