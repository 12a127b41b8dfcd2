package tree

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/tailscale/hujson"
)

// What is read of JSON with comments is what encoding/json reads of it without them, and what is
// read of the same values in TOML.
func FuzzSyntaxes(f *testing.F) {
	for _, seed := range []string{`{"name":"a","vars":{"N":1,"F":1.5e3,"B":false,"O":{"k":["v",{}]}}}`,
		"{\n// c\n\"a\": [1, /* x */ 2,],\n}", `{"a":{"b c":{"d.e":"\u2028\"\\"}},"":[[],[[1]]]}`, `{"a":null}`,
		"\xef\xbb\xbf{}", `{"a":-0,"b":1e400,"c":9223372036854775808}`, `{"a":1,"a":2}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		top, err := Parse("wrangler.jsonc", data)
		if err != nil {
			return
		}
		checkTree(t, &Node{Value: top}, bytes.Count(data, []byte("\n"))+1)
		got := (&Node{Value: top}).Plain()
		standard, err := hujson.Standardize(bytes.TrimPrefix(bytes.Clone(data), []byte("\xef\xbb\xbf")))
		if err != nil {
			t.Fatal(err)
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(standard))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: %v", standard, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("encoding/json (-), this package (+):\n%s", diff)
		}
		plain, ok := tomlOf(got)
		if !ok {
			return
		}
		var text bytes.Buffer
		if err := toml.NewEncoder(&text).Encode(plain); err != nil {
			return // TOML has no such list
		}
		var whole map[string]any
		if _, err := toml.Decode(text.String(), &whole); err != nil || !cmp.Equal(plain, any(whole), sameTables) {
			return // the encoder leaves out what is beside a table in a list
		}
		same, err := Parse("wrangler.toml", text.Bytes())
		if err != nil {
			if strings.Contains(err.Error(), "too deeply") {
				return
			}
			t.Fatalf("%q: %v", text.String(), err)
		}
		back, _ := tomlOf((&Node{Value: same}).Plain())
		if diff := cmp.Diff(plain, back); diff != "" {
			t.Fatalf("JSON (-), TOML (+):\n%s", diff)
		}
	})
}

// The tree of a TOML file has only values that its consumers know, and positions in the file.
func FuzzTOML(f *testing.F) {
	for _, seed := range []string{"a.b.c=1", "[[a]]\n[[a.b]]", "a=inf", "a=2020-01-01", "x='''\n'''", "'a\"b'=1",
		"a=0x10\nb=1_000\nc=\"\\u00e9\"\n[d]\ne=[1,\n2]", "a={b={c=1}}", strings.Repeat("a.", 70) + "a=1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		top, err := Parse("kv-sync.toml", data)
		if err != nil {
			return
		}
		checkTree(t, &Node{Value: top}, bytes.Count(data, []byte("\n"))+1)
		if b := (&Node{Value: top}).JSON(); !json.Valid(b) {
			t.Errorf("its JSON is %s", b)
		}
	})
}

// sameTables makes a list of tables equal to a list of any values that are tables.
var sameTables = cmp.Transformer("list", func(list []map[string]any) []any {
	out := make([]any, len(list))
	for i := range list {
		out[i] = list[i]
	}
	return out
})

// checkTree checks the types, the positions and the depth of a tree.
func checkTree(t *testing.T, n *Node, lines int) {
	t.Helper()
	if n.Line < 0 || n.Line > lines {
		t.Fatalf("%s is in line %d of %d", n.Path, n.Line, lines)
	}
	switch v := n.Value.(type) {
	case nil, string, bool, json.Number:
	case []*Node:
		for _, e := range v {
			checkTree(t, e, lines)
		}
	case *Table:
		if v == nil {
			t.Fatalf("%s is a nil table", n.Path)
		}
		for _, name := range v.Names {
			checkTree(t, v.Get(name), lines)
		}
	default:
		t.Fatalf("%s is a %T", n.Path, v)
	}
}

// tomlOf returns a value with numbers as TOML has them. ok is false if TOML has no such value.
func tomlOf(v any) (out any, ok bool) {
	switch x := v.(type) {
	case nil:
		return nil, false
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i, true
		}
		n, err := x.Float64()
		if err != nil || math.Abs(n) > 1<<40 || n != math.Trunc(n*1024)/1024 {
			return nil, false // the two languages may round it
		}
		if n == math.Trunc(n) {
			return int64(n), true
		}
		return n, true
	case []any:
		list := make([]any, len(x))
		for i := range x {
			if list[i], ok = tomlOf(x[i]); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		m := make(map[string]any, len(x))
		for name := range x {
			if m[name], ok = tomlOf(x[name]); !ok {
				return nil, false
			}
		}
		return m, true
	}
	return v, true
}
