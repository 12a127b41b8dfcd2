package ignore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Names of ignore files: that of git, and that of search tools such as ripgrep.
const (
	GitFile   = ".gitignore"
	PlainFile = ".ignore"
)

// Verdict is what patterns say about a path.
type Verdict int

// The verdicts. A later pattern overrides an earlier one.
const (
	Undecided Verdict = iota // no pattern matches
	Exclude                  // the last pattern that matches is an ordinary one
	Include                  // the last pattern that matches is negated
)

// pattern is one compiled line. go-git's matcher is not used because it differs from git: it
// does not backtrack over "**", takes "[!a]" literally, and does not allow "**" within a name.
type pattern struct {
	negated, dirOnly bool
	// anchored patterns match the whole path, relative to the directory of the ignore file.
	// Others match only the last element of the path.
	anchored bool
	match    func(string) bool
	text     string
}

// parsePatterns reads the text of an ignore file. Like git, it drops lines that can match
// nothing.
func parsePatterns(text string) []pattern {
	var list []pattern
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if p, ok := parsePattern(line); ok {
			list = append(list, p)
		}
	}
	return list
}

func parsePattern(line string) (p pattern, ok bool) {
	if strings.HasPrefix(line, "#") {
		return p, false
	}
	line = trimSpaces(line)
	line, p.negated = strings.CutPrefix(line, "!")
	line, p.dirOnly = strings.CutSuffix(line, "/")
	p.anchored = strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return p, false
	}
	p.text = line
	p.match = compile(line, p.anchored)
	return p, p.match != nil
}

// trimSpaces removes trailing spaces that no backslash escapes.
func trimSpaces(line string) string {
	trimmed := strings.TrimRight(line, " ")
	if n := len(trimmed); n < len(line) {
		slashes := n - len(strings.TrimRight(trimmed, `\`))
		if slashes%2 == 1 {
			trimmed += " "
		}
	}
	return trimmed
}

// Glob returns the matcher of a pattern without negation and without a slash at its ends, as git
// has them in several files; nil if it can match nothing. An anchored pattern matches a path,
// others a name.
func Glob(glob string, anchored bool) func(string) bool {
	if glob == "" {
		return nil
	}
	return compile(glob, anchored)
}

// compile returns the matcher of a glob, nil if the glob can match nothing.
func compile(glob string, anchored bool) func(string) bool {
	if !strings.ContainsAny(glob, `*?[\`) {
		return func(s string) bool { return s == glob }
	}
	if suffix, ok := strings.CutPrefix(glob, "*"); ok && !anchored && !strings.ContainsAny(suffix, `*?[\`) {
		return func(s string) bool { return strings.HasSuffix(s, suffix) }
	}
	expression, ok := translate(glob)
	if !ok {
		return nil
	}
	re, err := regexp.Compile(`\A(?s:` + expression + `)\z`)
	if err != nil {
		return nil
	}
	return re.MatchString
}

// translate turns a glob into a regular expression. Matching takes linear time for any pattern.
func translate(glob string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(glob); {
		switch c := glob[i]; c {
		case '*':
			end := i
			for end < len(glob) && glob[end] == '*' {
				end++
			}
			// "**" crosses directories only between slashes.
			whole := end-i >= 2 && (i == 0 || glob[i-1] == '/')
			switch {
			case whole && end < len(glob) && glob[end] == '/':
				b.WriteString(`(?:.*/)?`)
				end++
			case whole && end == len(glob):
				b.WriteString(`.*`)
			default:
				b.WriteString(`[^/]*`)
			}
			i = end
		case '?':
			b.WriteString(`[^/]`)
			i++
		case '[':
			class, n := translateClass(glob[i:])
			if n == 0 {
				return "", false
			}
			b.WriteString(class)
			i += n
		case '\\':
			if i+1 == len(glob) {
				return "", false
			}
			b.WriteString(regexp.QuoteMeta(glob[i+1 : i+2]))
			i += 2
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
			i++
		}
	}
	return b.String(), true
}

// translateClass turns the bracket expression at the start of s into a regular expression. It
// also returns the expression's length in s, 0 if it has no end.
func translateClass(s string) (string, int) {
	var b strings.Builder
	i := 1
	negated := i < len(s) && (s[i] == '!' || s[i] == '^')
	if negated {
		i++
	}
	for first := true; ; first = false {
		if i >= len(s) {
			return "", 0
		}
		if s[i] == ']' && !first {
			break
		}
		if strings.HasPrefix(s[i:], "[:") {
			end := strings.Index(s[i:], ":]")
			if end < 0 || posix[s[i+2:i+end]] == "" {
				return "", 0
			}
			b.WriteString(posix[s[i+2:i+end]])
			i += end + 2
			continue
		}
		low, n := classChar(s[i:])
		if n == 0 {
			return "", 0
		}
		i += n
		high := low
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			if high, n = classChar(s[i+1:]); n == 0 {
				return "", 0
			}
			i += 1 + n
			writeRange(&b, low, low) // git adds the first character even if the range is reversed
		}
		if low <= '/' && '/' <= high {
			writeRange(&b, low, '.')
			low = '0'
		}
		writeRange(&b, low, high)
	}
	i++
	body := b.String()
	switch {
	case body == "" && negated:
		return `[^/]`, i
	case body == "":
		return `[^\x00-\x{10FFFF}]`, i
	case negated:
		return `[^/` + body + `]`, i
	}
	return `[` + body + `]`, i
}

// posix has the character classes of POSIX, without the slash, which no bracket expression
// matches.
var posix = map[string]string{
	"alnum": `0-9A-Za-z`, "alpha": `A-Za-z`, "blank": ` \t`, "cntrl": `\x00-\x1f\x7f`, "digit": `0-9`,
	"graph": `!-.0-~`, "lower": `a-z`, "print": ` -.0-~`, "punct": "!-.:-@\\[-`{-~", "space": `\t-\r `,
	"upper": `A-Z`, "xdigit": `0-9A-Fa-f`,
}

func writeRange(b *strings.Builder, low, high rune) {
	if low <= high {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, low, high)
	}
}

func classChar(s string) (rune, int) {
	n := 0
	if s[0] == '\\' {
		if len(s) < 2 {
			return 0, 0
		}
		s, n = s[1:], 1
	}
	for i, r := range s {
		if i == 0 {
			n += len(string(r))
			return r, n
		}
	}
	return 0, 0
}

// Scope is the patterns that are in force in a directory: those of its own ignore files, then
// those of the directories above. It is immutable. The nil scope has no patterns.
type Scope struct {
	outer    *Scope
	patterns []pattern
	// drop is the length of the scope's directory, which patterns do not match. above is
	// prepended to a path: for the patterns of a parent it is the folder's name.
	drop  int
	above string
}

// Within returns the scope of a directory below, with the text of its ignore file. dir is ""
// for the root, else ends in a slash.
func (s *Scope) Within(dir, text string) *Scope {
	if patterns := parsePatterns(text); len(patterns) > 0 {
		return &Scope{outer: s, patterns: patterns, drop: len(dir)}
	}
	return s
}

// Parent returns a scope with the patterns of an ignore file above the folder. folder is its
// path from there, with slashes. Parent leaves out patterns that exclude the folder itself, a
// directory above it, or everything in it, because git usually ignores the output folder that
// is published.
func Parent(outer *Scope, folder, text string) *Scope {
	s := &Scope{outer: outer, above: folder + "/"}
	for _, p := range parsePatterns(text) {
		subject := p.text
		for strings.HasSuffix(subject, "/*") || strings.HasSuffix(subject, "/**") {
			subject = subject[:strings.LastIndexByte(subject, '/')]
		}
		m := compile(subject, p.anchored)
		if m != nil && matchesAbove(m, p.anchored, folder) || subject == "*" || subject == "**" {
			continue
		}
		s.patterns = append(s.patterns, p)
	}
	if len(s.patterns) == 0 {
		return outer
	}
	return s
}

// matchesAbove reports whether a pattern matches the folder or a directory above it.
func matchesAbove(match func(string) bool, anchored bool, folder string) bool {
	for dir := folder; dir != "."; dir = path.Dir(dir) {
		subject := dir
		if !anchored {
			subject = path.Base(dir)
		}
		if match(subject) {
			return true
		}
	}
	return false
}

// Decide returns the verdict on one path, relative to the root and with slashes. It does not
// check the directories above the path: a walk must not enter a directory that is excluded.
func (s *Scope) Decide(rel string, isDir bool) Verdict {
	for ; s != nil; s = s.outer {
		whole := s.above + rel[s.drop:]
		name := whole[strings.LastIndexByte(whole, '/')+1:]
		for i := len(s.patterns) - 1; i >= 0; i-- {
			p := &s.patterns[i]
			if p.dirOnly && !isDir {
				continue
			}
			subject := name
			if p.anchored {
				subject = whole
			}
			if !p.match(subject) {
				continue
			}
			if p.negated {
				return Include
			}
			return Exclude
		}
	}
	return Undecided
}
