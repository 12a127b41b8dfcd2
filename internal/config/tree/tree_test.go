package tree

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTOMLLines(t *testing.T) {
	text := `a = 1
b = """
c = 2
"""
list = [
  "x", # ]
  'y',
]
[t]
"quoted.key" = 1
d.e = 2
[[l]]
n = 1
[[l]]
n = 2
[l.sub]
m = 3
[[l.deep]]
k = 1
`
	top, err := parseTOML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	var walk func(n *Node)
	walk = func(n *Node) {
		got[n.Path] = n.Line
		switch v := n.Value.(type) {
		case *Table:
			for _, name := range v.Names {
				walk(v.Get(name))
			}
		case []*Node:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, name := range top.Names {
		walk(top.Get(name))
	}
	want := map[string]int{
		"a": 1, "b": 2, "list": 5, "list[0]": 5, "list[1]": 5, "t": 9, "t.quoted.key": 10, "t.d": 9, "t.d.e": 11,
		"l": 12, "l[0]": 12, "l[0].n": 13, "l[1]": 14, "l[1].n": 15, "l[1].sub": 16, "l[1].sub.m": 17, "l[1].deep": 18,
		"l[1].deep[0]": 18, "l[1].deep[0].k": 19,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}
