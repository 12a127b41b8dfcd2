package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// parseTOML reads TOML.
func parseTOML(data []byte) (*Table, error) {
	if err := checkDepth(data); err != nil {
		return nil, err
	}
	if err := checkKeys(string(data)); err != nil {
		return nil, err
	}
	var m map[string]any
	if _, err := toml.Decode(string(data), &m); err != nil {
		var p toml.ParseError
		if errors.As(err, &p) {
			return nil, &SyntaxError{Line: p.Position.Line, Reason: p.Message}
		}
		return nil, &SyntaxError{Reason: err.Error()}
	}
	t := tomlTree{lines: tomlLines(string(data))}
	n, err := t.node("", m, 0, 0)
	if err != nil {
		return nil, err
	}
	return n.Value.(*Table), nil
}

// checkKeys refuses keys with too many parts: the decoder's time grows with the square of
// their number.
func checkKeys(text string) error {
	state := valueState{}
	for i, line := range strings.Split(text, "\n") {
		state.dots = 0
		state.scan(line)
		if state.most > maxDepth {
			return &SyntaxError{Line: i + 1, Reason: "a key is nested too deeply"}
		}
	}
	return nil
}

// tomlTree turns decoded TOML into nodes.
type tomlTree struct{ lines map[string]int }

// node converts v, whose path is path. line is the line of the enclosing value.
func (t tomlTree) node(path string, v any, line, depth int) (*Node, error) {
	if l, ok := t.lines[path]; ok {
		line = l
	}
	n := &Node{Path: path, Line: line}
	if depth > maxDepth {
		return nil, &SyntaxError{Line: line, Reason: "brackets are nested too deeply"}
	}
	switch x := v.(type) {
	case map[string]any:
		tab := &Table{}
		// The decoder does not keep the order. Sorted names make every run report the same.
		for _, name := range slices.Sorted(maps.Keys(x)) {
			e, err := t.node(child(path, name), x[name], line, depth+1)
			if err != nil {
				return nil, err
			}
			tab.set(name, e)
		}
		n.Value = tab
	case []map[string]any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = x[i]
		}
		return t.node(path, list, line, depth)
	case []any:
		list := make([]*Node, len(x))
		for i := range x {
			e, err := t.node(fmt.Sprintf("%s[%d]", path, i), x[i], line, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = e
		}
		n.Value = list
	case string, bool:
		n.Value = x
	case int64:
		n.Value = json.Number(strconv.FormatInt(x, 10))
	case float64:
		if math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, &SyntaxError{Line: line, Reason: fmt.Sprintf("%s is a number that JSON cannot represent", path)}
		}
		n.Value = json.Number(strconv.FormatFloat(x, 'g', -1, 64))
	case time.Time:
		return nil, &SyntaxError{Line: line, Reason: fmt.Sprintf("%s is a date without quotes; put it in quotes", path)}
	default:
		return nil, &SyntaxError{Line: line, Reason: fmt.Sprintf("%s has a type that is not understood", path)}
	}
	return n, nil
}

// tomlLines returns the line numbers of tables and of keys at the start of a line, which the
// decoder does not report. The text is valid TOML, so it is enough to skip the lines inside of
// strings and lists.
func tomlLines(text string) map[string]int {
	lines := map[string]int{}
	elements := map[string]int{} // the number of [[tables]] of each name so far
	prefix := ""
	inside := valueState{}
	for i, line := range strings.Split(text, "\n") {
		if inside.open() {
			inside.scan(line)
			continue
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "[["):
			name := withElements(tomlKey(line[2:], ']'), elements)
			prefix = fmt.Sprintf("%s[%d]", name, elements[name])
			elements[name]++
			lines[prefix] = i + 1
			if elements[name] == 1 {
				lines[name] = i + 1
			}
		case line[0] == '[':
			parts := tomlKey(line[1:], ']')
			prefix = withElements(parts, elements)
			lines[prefix] = i + 1
			// [a.b] also defines a, if nothing else does.
			if _, ok := lines[parts[0]]; !ok {
				lines[parts[0]] = i + 1
			}
		default:
			lines[child(prefix, strings.Join(tomlKey(line, '='), "."))] = i + 1
			if _, value, ok := strings.Cut(line, "="); ok {
				inside.scan(value)
			}
		}
	}
	return lines
}

// withElements returns a table's name as a path with indices. If a part of the name is a list, the
// table is in the last element of that list, as TOML defines.
func withElements(parts []string, elements map[string]int) string {
	path := ""
	for i, p := range parts {
		path = child(path, p)
		if n := elements[path]; n > 0 && i < len(parts)-1 {
			path = fmt.Sprintf("%s[%d]", path, n-1)
		}
	}
	return path
}

// tomlKey splits the dotted key at the start of s into its parts. end ends the key.
func tomlKey(s string, end byte) []string {
	var parts []string
	var part strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			part.WriteByte(c)
		case c == '"' || c == '\'':
			quote = c
		case c == end:
			return append(parts, part.String())
		case c == '.':
			parts = append(parts, part.String())
			part.Reset()
		case c != ' ' && c != '\t':
			part.WriteByte(c)
		}
	}
	return append(parts, part.String())
}

// valueState is the state of a scan over a value of several lines.
type valueState struct {
	quote string // the quotes of the open string
	depth int    // the number of open brackets
	// dots counts the dots of the current key. most is the largest count so far.
	dots, most int
}

func (v *valueState) open() bool { return v.quote != "" || v.depth > 0 }

func (v *valueState) scan(s string) {
	for i := 0; i < len(s); {
		rest := s[i:]
		switch {
		case v.quote != "":
			switch {
			case v.quote[0] == '"' && rest[0] == '\\':
				i += 2
			case strings.HasPrefix(rest, v.quote):
				i += len(v.quote)
				v.quote = ""
			default:
				i++
			}
			continue
		case strings.HasPrefix(rest, `"""`), strings.HasPrefix(rest, `'''`):
			v.quote = rest[:3]
			i += 3
			continue
		case rest[0] == '"' || rest[0] == '\'':
			v.quote = rest[:1]
		case rest[0] == '#':
			return
		case rest[0] == '.':
			v.dots++
			v.most = max(v.most, v.dots)
		case rest[0] == '=' || rest[0] == ',':
			v.dots = 0
		case rest[0] == '[' || rest[0] == '{':
			v.depth++
		case rest[0] == ']' || rest[0] == '}':
			v.depth = max(v.depth-1, 0)
		}
		i++
	}
	if len(v.quote) == 1 {
		v.quote = "" // a string with simple quotes ends on its line
	}
}
