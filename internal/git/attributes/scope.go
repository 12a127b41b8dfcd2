package attributes

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/ignore"
)

// File is the name of the files with attributes.
const File = ".gitattributes"

// longestLine is the length in bytes from which git ignores a line.
const longestLine = 2048

// value is the state of an attribute: "name", "-name", "!name" or "name=text".
type value struct {
	state rune // '+', '-', '!' or '='
	text  string
}

type setting struct {
	name string
	value
}

// line is a pattern with its settings.
type line struct {
	match    func(string) bool
	anchored bool // the pattern matches the whole path, else its last element
	settings []setting
}

// Scope is the attributes that are in force in a directory: those of its own file, then those of
// the directories above. It is immutable. The nil scope has none but git's own macro "binary".
type Scope struct {
	outer  *Scope
	drop   int // the length of the directory, which patterns do not match
	lines  []line
	macros map[string][]setting
}

var builtin = map[string][]setting{
	"binary": {{"diff", value{state: '-'}}, {"merge", value{state: '-'}}, {"text", value{state: '-'}}},
}

// Within returns the scope of a directory, with the text of its file. dir is "" for the root of
// the repository, else ends in a slash. Only the root's file may define macros.
func (s *Scope) Within(dir, text string) *Scope {
	below := &Scope{outer: s, drop: len(dir)}
	for text := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		pattern, states, ok := split(text)
		if !ok {
			continue
		}
		settings, ok := parseSettings(states)
		name, isMacro := strings.CutPrefix(pattern, "[attr]")
		switch {
		case !ok:
		case isMacro && name != "" && dir == "":
			if below.macros == nil {
				below.macros = map[string][]setting{}
			}
			below.macros[name] = settings
		case isMacro && name != "":
		default:
			if l, ok := compile(pattern); ok {
				l.settings = settings
				below.lines = append(below.lines, l)
			}
		}
	}
	if len(below.lines) == 0 && below.macros == nil {
		return s
	}
	return below
}

const blank = " \t\r\n"

// split divides a line into its pattern and its settings.
func split(text string) (pattern, states string, ok bool) {
	if len(text) >= longestLine {
		return "", "", false
	}
	text = strings.Trim(text, blank)
	if text == "" || text[0] == '#' {
		return "", "", false
	}
	if text[0] == '"' {
		if pattern, states, ok = unquote(text); ok {
			return pattern, states, true
		}
	}
	if rest, isMacro := strings.CutPrefix(text, "[attr]"); isMacro {
		name, states, _ := cutBlank(strings.TrimLeft(rest, blank))
		return "[attr]" + name, states, true
	}
	pattern, states, _ = cutBlank(text)
	return pattern, states, true
}

func cutBlank(text string) (before, after string, found bool) {
	if at := strings.IndexAny(text, blank); at >= 0 {
		return text[:at], text[at:], true
	}
	return text, "", false
}

// compile returns the line of a pattern. Negated patterns have no meaning here, and a pattern for
// directories matches no file.
func compile(pattern string) (l line, ok bool) {
	if strings.HasPrefix(pattern, "!") || strings.HasSuffix(pattern, "/") {
		return l, false
	}
	l.anchored = strings.Contains(pattern, "/")
	l.match = ignore.Glob(strings.TrimPrefix(pattern, "/"), l.anchored)
	return l, l.match != nil
}

// parseSettings reads the settings of a line. git ignores a line with an invalid name.
func parseSettings(text string) (settings []setting, ok bool) {
	for _, word := range strings.Fields(text) {
		name, text, valued := strings.Cut(word, "=")
		s := setting{name, value{state: '+'}}
		switch {
		case name != "" && (name[0] == '-' || name[0] == '!'):
			s.name, s.state = name[1:], rune(name[0])
		case valued:
			s.state, s.text = '=', text
		}
		if !validName(s.name) {
			return nil, false
		}
		settings = append(settings, s)
	}
	return settings, true
}

func validName(name string) bool {
	if name == "" || name[0] == '-' {
		return false
	}
	return strings.Trim(name, "-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// unquote reads a pattern in double quotes, with the escapes of C.
func unquote(text string) (pattern, rest string, ok bool) {
	const letters, meaning = `abfnrtv"\`, "\a\b\f\n\r\t\v\"\\"
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(text) && strings.IndexByte(letters, text[i+1]) >= 0:
			i++
			b.WriteByte(meaning[strings.IndexByte(letters, text[i])])
		case i+3 < len(text) && strings.Trim(text[i+1:i+4], "01234567") == "" && text[i+1] < '4':
			b.WriteByte((text[i+1]-'0')<<6 | (text[i+2]-'0')<<3 | (text[i+3] - '0'))
			i += 3
		default:
			return "", "", false
		}
	}
	return "", "", false
}

// Of returns how a checkout changes the file at a path from the root of the repository.
func (s *Scope) Of(path string) Conversion {
	values := map[string]value{}
	for at := s; at != nil; at = at.outer {
		below := path[at.drop:]
		name := below[strings.LastIndexByte(below, '/')+1:]
		for i := len(at.lines) - 1; i >= 0; i-- {
			l, subject := &at.lines[i], name
			if l.anchored {
				subject = below
			}
			if l.match(subject) {
				s.fill(values, l.settings)
			}
		}
	}
	return conversionOf(values)
}

// fill adds settings to those that are decided already, the last ones first.
func (s *Scope) fill(values map[string]value, settings []setting) {
	for i := len(settings) - 1; i >= 0; i-- {
		name := settings[i].name
		if _, decided := values[name]; decided {
			continue
		}
		values[name] = settings[i].value
		if settings[i].state == '+' {
			s.fill(values, s.macro(name))
		}
	}
}

func (s *Scope) macro(name string) []setting {
	for at := s; at != nil; at = at.outer {
		if settings, ok := at.macros[name]; ok {
			return settings
		}
	}
	return builtin[name]
}

// Converts reports whether a line may have git convert files, in either direction.
func (s *Scope) Converts() bool {
	converting := []string{"text", "eol", "crlf", "ident", "filter", "working-tree-encoding"}
	return s.any(func(x setting) bool {
		return (x.state == '=' || x.state == '+') && slices.Contains(converting, x.name)
	})
}

func (s *Scope) any(is func(setting) bool) bool {
	for at := s; at != nil; at = at.outer {
		lists := make([][]setting, 0, len(at.lines)+len(at.macros))
		for _, l := range at.lines {
			lists = append(lists, l.settings)
		}
		for _, settings := range at.macros {
			lists = append(lists, settings)
		}
		for _, settings := range lists {
			if slices.ContainsFunc(settings, is) {
				return true
			}
		}
	}
	return false
}
