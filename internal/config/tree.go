package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tailscale/hujson"
)

// Limits of a configuration file. The parsers recurse, so checkDepth limits the depth first.
const (
	maxFileBytes = 256 << 10
	maxDepth     = 64
)

// node is one value of a configuration file in any language, with its position.
type node struct {
	// path names the value in messages, such as "kv_namespaces[0].id".
	path string
	// line counts from 1; it is 0 if it is unknown.
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

// plain returns the value as encoding/json decodes it.
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

// json returns the value as JSON, with object members sorted by name.
func (n *node) json() json.RawMessage { return encode(n.plain()) }

// encode returns JSON without the escapes for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// The values come from a parser, so only a number such as TOML's inf can fail.
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

// parse reads a file in the language of its extension.
func parse(name string, data []byte) (*table, error) {
	switch filepath.Ext(name) {
	case ".json", ".jsonc":
		return parseJSON(data)
	case ".toml":
		return parseTOML(data)
	}
	return nil, &syntaxError{reason: "the file's name ends in none of .json, .jsonc and .toml"}
}

// syntaxError reports a file that is invalid in its language.
type syntaxError struct {
	line   int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

// checkDepth refuses input with so many nested brackets that a parser could overflow its stack.
func checkDepth(data []byte) error {
	depth := 0
	for _, b := range data {
		switch b {
		case '[', '{':
			if depth++; depth > 16*maxDepth {
				return &syntaxError{reason: "brackets are nested too deeply"}
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
	p := jsonTree{data: data, line: 1}
	n, err := p.node("", &v, 0)
	if err != nil {
		return nil, err
	}
	t, ok := n.value.(*table)
	if !ok {
		return nil, &syntaxError{line: n.line, reason: "the file contains " + n.kind() + ", not an object"}
	}
	return t, nil
}

// jsonTree converts hujson's syntax tree to nodes. Values come in the order of the file, so
// line numbers are counted in one pass.
type jsonTree struct {
	data          []byte
	counted, line int
}

func (p *jsonTree) lineAt(offset int) int {
	if offset > p.counted && offset <= len(p.data) {
		p.line += bytes.Count(p.data[p.counted:offset], []byte("\n"))
		p.counted = offset
	}
	return p.line
}

func (p *jsonTree) node(path string, v *hujson.Value, depth int) (*node, error) {
	n := &node{path: path, line: p.lineAt(v.StartOffset)}
	if depth > maxDepth {
		return nil, &syntaxError{line: n.line, reason: "brackets are nested too deeply"}
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
				return nil, &syntaxError{line: line, reason: fmt.Sprintf("%q is set twice", child(path, name))}
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
		default:
			return nil, &syntaxError{line: n.line, reason: "this is not JSON"}
		}
	default:
		return nil, errors.New("parse JSON: unknown syntax")
	}
	return n, nil
}
