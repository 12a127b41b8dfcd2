package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// MaxFileBytes bounds a configuration file. maxDepth bounds its nesting: the parsers recurse, so
// checkDepth limits the depth first.
const (
	MaxFileBytes = 256 << 10
	maxDepth     = 64
)

// Node is one value of a configuration file in any language, with its position.
type Node struct {
	// Path names the value in messages, such as "kv_namespaces[0].id".
	Path string
	// Line counts from 1; it is 0 if it is unknown.
	Line int
	// Value is a string, bool, json.Number, nil, []*Node or *Table.
	Value any
}

// Table is an object: its members by name, and the names in the file's order.
type Table struct {
	Names   []string
	members map[string]*Node
}

// Get returns a member, or nil. The nil table has no members.
func (t *Table) Get(name string) *Node {
	if t == nil {
		return nil
	}
	return t.members[name]
}

func (t *Table) set(name string, n *Node) {
	if t.members == nil {
		t.members = map[string]*Node{}
	}
	if _, ok := t.members[name]; !ok {
		t.Names = append(t.Names, name)
	}
	t.members[name] = n
}

// Empty reports whether a value says nothing: null, "", or an object or a list of such values.
func (n *Node) Empty() bool {
	switch v := n.Value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []*Node:
		return !slices.ContainsFunc(v, func(e *Node) bool { return !e.Empty() })
	case *Table:
		return !slices.ContainsFunc(v.Names, func(name string) bool { return !v.members[name].Empty() })
	}
	return false
}

// Kind names the type of a value for messages.
func (n *Node) Kind() string {
	switch n.Value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case []*Node:
		return "a list"
	case *Table:
		return "an object"
	}
	return "null"
}

// Plain returns the value as encoding/json decodes it.
func (n *Node) Plain() any {
	switch v := n.Value.(type) {
	case []*Node:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = e.Plain()
		}
		return list
	case *Table:
		m := make(map[string]any, len(v.members))
		for name, e := range v.members {
			m[name] = e.Plain()
		}
		return m
	}
	return n.Value
}

// JSON returns the value as JSON, with object members sorted by name.
func (n *Node) JSON() json.RawMessage { return Encode(n.Plain()) }

// Encode returns JSON without the escapes for HTML.
func Encode(v any) json.RawMessage {
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

// Parse reads a file in the language of its extension.
func Parse(name string, data []byte) (*Table, error) {
	switch filepath.Ext(name) {
	case ".json", ".jsonc":
		return parseJSON(data)
	case ".toml":
		return parseTOML(data)
	}
	return nil, &SyntaxError{Reason: "the file's name ends in none of .json, .jsonc and .toml"}
}

// SyntaxError reports a file that is invalid in its language.
type SyntaxError struct {
	Line   int // 0 if it is unknown
	Reason string
}

// Error is the reason.
func (e *SyntaxError) Error() string { return e.Reason }

// checkDepth refuses input with so many nested brackets that a parser could overflow its stack.
func checkDepth(data []byte) error {
	depth := 0
	for _, b := range data {
		switch b {
		case '[', '{':
			if depth++; depth > 16*maxDepth {
				return &SyntaxError{Reason: "brackets are nested too deeply"}
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return nil
}

// parseJSON reads JSON with comments and trailing commas.
func parseJSON(data []byte) (*Table, error) {
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
		return nil, &SyntaxError{Line: line, Reason: reason}
	}
	p := jsonTree{data: data, line: 1}
	n, err := p.node("", &v, 0)
	if err != nil {
		return nil, err
	}
	t, ok := n.Value.(*Table)
	if !ok {
		return nil, &SyntaxError{Line: n.Line, Reason: "the file contains " + n.Kind() + ", not an object"}
	}
	return t, nil
}

// jsonTree converts hujson's syntax tree to nodes. Values come in the order of the file, so
// line numbers are counted in one pass.
type jsonTree struct {
	data          []byte
	counted, line int
}

func (j *jsonTree) lineAt(offset int) int {
	if offset > j.counted && offset <= len(j.data) {
		j.line += bytes.Count(j.data[j.counted:offset], []byte("\n"))
		j.counted = offset
	}
	return j.line
}

func (j *jsonTree) node(path string, v *hujson.Value, depth int) (*Node, error) {
	n := &Node{Path: path, Line: j.lineAt(v.StartOffset)}
	if depth > maxDepth {
		return nil, &SyntaxError{Line: n.Line, Reason: "brackets are nested too deeply"}
	}
	switch x := v.Value.(type) {
	case *hujson.Object:
		t := &Table{}
		for i := range x.Members {
			m := &x.Members[i]
			line := j.lineAt(m.Name.StartOffset)
			var name string
			if l, ok := m.Name.Value.(hujson.Literal); ok {
				name = l.String()
			}
			if t.Get(name) != nil {
				return nil, &SyntaxError{Line: line, Reason: fmt.Sprintf("%q is set twice", child(path, name))}
			}
			e, err := j.node(child(path, name), &m.Value, depth+1)
			if err != nil {
				return nil, err
			}
			e.Line = line
			t.set(name, e)
		}
		n.Value = t
	case *hujson.Array:
		list := make([]*Node, len(x.Elements))
		for i := range x.Elements {
			e, err := j.node(fmt.Sprintf("%s[%d]", path, i), &x.Elements[i], depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = e
		}
		n.Value = list
	case hujson.Literal:
		switch x.Kind() {
		case '"':
			n.Value = x.String()
		case 't', 'f':
			n.Value = x.Bool()
		case '0':
			n.Value = json.Number(x)
		case 'n':
		default:
			return nil, &SyntaxError{Line: n.Line, Reason: "this is not JSON"}
		}
	default:
		return nil, errors.New("parse JSON: unknown syntax")
	}
	return n, nil
}
