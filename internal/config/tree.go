package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tailscale/hujson"
)

// Bounds of a configuration file. The parsers recurse, so the depth is limited
// before they see a byte.
const (
	maxFileBytes = 256 << 10
	maxDepth     = 64
)

// node is one value of a configuration file, whatever its syntax, with the
// place where it stands.
type node struct {
	// path names the value for people: "kv_namespaces[0].id".
	path string
	// line counts from 1; 0 where it is not known.
	line int
	// value is a string, bool, json.Number, nil, []*node or *table.
	value any
}

// table is an object: its members by name, and the names in the file's order.
type table struct {
	names   []string
	members map[string]*node
}

func (t *table) get(name string) *node {
	if t == nil {
		return nil
	}
	return t.members[name]
}

func (t *table) set(name string, n *node) {
	if t.members == nil {
		t.members = map[string]*node{}
	}
	if _, ok := t.members[name]; !ok {
		t.names = append(t.names, name)
	}
	t.members[name] = n
}

// kind names the type of a value for messages.
func (n *node) kind() string {
	switch n.value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case []*node:
		return "a list"
	case *table:
		return "an object"
	}
	return "null"
}

// plain returns the value as encoding/json would have decoded it.
func (n *node) plain() any {
	switch v := n.value.(type) {
	case []*node:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = e.plain()
		}
		return list
	case *table:
		m := make(map[string]any, len(v.members))
		for name, e := range v.members {
			m[name] = e.plain()
		}
		return m
	}
	return n.value
}

// json returns the value as JSON, object members in order of their names.
func (n *node) json() json.RawMessage { return encode(n.plain()) }

// encode is JSON without the escapes that are for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Every value comes out of a parser, so this is a number such as TOML's inf.
		return json.RawMessage("null")
	}
	return json.RawMessage(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// child returns the path of a member.
func child(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// syntaxError is a file that is not in the language that its name says.
type syntaxError struct {
	line   int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

// checkDepth refuses input whose brackets open deeper than any configuration's.
func checkDepth(data []byte) error {
	depth := 0
	for _, b := range data {
		switch b {
		case '[', '{':
			if depth++; depth > 16*maxDepth {
				return &syntaxError{reason: "its brackets are nested too deeply"}
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return nil
}

// parseJSON reads JSON with comments and trailing commas.
func parseJSON(data []byte) (*table, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if err := checkDepth(data); err != nil {
		return nil, err
	}
	v, err := hujson.Parse(data)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "hujson: ")
		line := 0
		if n, _ := fmt.Sscanf(reason, "line %d", &line); n == 1 {
			if _, rest, ok := strings.Cut(reason, ": "); ok {
				reason = rest
			}
		}
		return nil, &syntaxError{line: line, reason: reason}
	}
	p := jsonTree{data: data}
	n, err := p.node("", &v, 0)
	if err != nil {
		return nil, err
	}
	t, ok := n.value.(*table)
	if !ok {
		return nil, &syntaxError{line: n.line, reason: "it holds " + n.kind() + ", not an object"}
	}
	return t, nil
}

// jsonTree turns hujson's syntax tree into nodes. Values come in the order of
// the file, so that counting lines is one pass.
type jsonTree struct {
	data    []byte
	counted int
	line    int
}

func (p *jsonTree) lineAt(offset int) int {
	if p.line == 0 {
		p.line = 1
	}
	if offset > p.counted && offset <= len(p.data) {
		p.line += bytes.Count(p.data[p.counted:offset], []byte("\n"))
		p.counted = offset
	}
	return p.line
}

func (p *jsonTree) node(path string, v *hujson.Value, depth int) (*node, error) {
	n := &node{path: path, line: p.lineAt(v.StartOffset)}
	if depth > maxDepth {
		return nil, &syntaxError{line: n.line, reason: "its brackets are nested too deeply"}
	}
	switch x := v.Value.(type) {
	case *hujson.Object:
		t := &table{}
		for i := range x.Members {
			m := &x.Members[i]
			line := p.lineAt(m.Name.StartOffset)
			var name string
			if l, ok := m.Name.Value.(hujson.Literal); ok {
				name = l.String()
			}
			if t.get(name) != nil {
				return nil, &syntaxError{line: line, reason: fmt.Sprintf("%q stands there twice", child(path, name))}
			}
			e, err := p.node(child(path, name), &m.Value, depth+1)
			if err != nil {
				return nil, err
			}
			e.line = line
			t.set(name, e)
		}
		n.value = t
	case *hujson.Array:
		list := make([]*node, len(x.Elements))
		for i := range x.Elements {
			e, err := p.node(fmt.Sprintf("%s[%d]", path, i), &x.Elements[i], depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = e
		}
		n.value = list
	case hujson.Literal:
		switch x.Kind() {
		case '"':
			n.value = x.String()
		case 't', 'f':
			n.value = x.Bool()
		case '0':
			n.value = json.Number(x)
		case 'n':
			n.value = nil
		default:
			return nil, &syntaxError{line: n.line, reason: "it is no JSON"}
		}
	default:
		return nil, errors.New("parse JSON: unknown syntax")
	}
	return n, nil
}
