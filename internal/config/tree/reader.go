package tree

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Reader reads the values of one file. It collects the problems, so that one run reports all.
type Reader struct {
	// File is the file's name in messages.
	File string
	// Source, if set, is the file that messages name in place of File.
	Source          *Source
	Errors, Notices []manifest.Problem
}

// Refuse adds an error about a value; nil is the file itself.
func (r *Reader) Refuse(n *Node, reason, fix string) {
	r.Errors = append(r.Errors, r.Problem(n, reason, fix))
}

// Notice adds a notice.
func (r *Reader) Notice(n *Node, reason, fix string) {
	r.Notices = append(r.Notices, r.Problem(n, reason, fix))
}

// Problem returns a problem of a value.
func (r *Reader) Problem(n *Node, reason, fix string) manifest.Problem {
	at := r.Place(n)
	return manifest.Problem{Path: at.File, Line: at.Line, Reason: reason, Fix: fix}
}

// Place returns where a person can change a value; nil is the file itself.
func (r *Reader) Place(n *Node) Place {
	switch {
	case n == nil && r.Source == nil:
		return Place{File: r.File}
	case n == nil:
		return Place{File: r.Source.file}
	case r.Source == nil:
		return Place{r.File, n.Line}
	}
	return r.Source.place(n.Path)
}

// WrongType refuses a value of another type than want.
func (r *Reader) WrongType(n *Node, want, fix string) {
	r.Refuse(n, fmt.Sprintf("%s is %s, not %s", n.Path, n.Kind(), want), fix)
}

// InQuotes is the fix for a text without quotes.
const InQuotes = "put it in quotes"

// Text reads a string.
func (r *Reader) Text(n *Node) string {
	s, ok := n.Value.(string)
	if !ok {
		r.WrongType(n, "a string", InQuotes)
	}
	return s
}

// Flag reads a boolean.
func (r *Reader) Flag(n *Node) bool {
	b, ok := n.Value.(bool)
	if !ok {
		r.WrongType(n, "a boolean", "write true or false, without quotes")
	}
	return b
}

// Object reads an object. It is never nil.
func (r *Reader) Object(n *Node) *Table {
	t, ok := n.Value.(*Table)
	if !ok {
		r.WrongType(n, "an object", "write names and values in braces: { … }")
		return &Table{}
	}
	return t
}

// List reads a list.
func (r *Reader) List(n *Node) []*Node {
	l, ok := n.Value.([]*Node)
	if !ok {
		r.WrongType(n, "a list", "write it in brackets: [ … ]")
	}
	return l
}

// Texts reads a list of strings.
func (r *Reader) Texts(n *Node) []string {
	list := r.List(n)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, r.Text(e))
	}
	return out
}

// TextMap reads an object of strings.
func (r *Reader) TextMap(n *Node) map[string]string {
	t := r.Object(n)
	out := make(map[string]string, len(t.Names))
	for _, name := range t.Names {
		out[name] = r.Text(t.Get(name))
	}
	return out
}

// OneOf reads a string that must be one of the allowed ones.
func (r *Reader) OneOf(n *Node, allowed ...string) string {
	s := r.Text(n)
	if _, ok := n.Value.(string); ok && !slices.Contains(allowed, s) {
		r.Refuse(n, fmt.Sprintf("%s is %.60q", n.Path, s), "write "+OrList(allowed))
		return ""
	}
	return s
}

// RefuseUnknown refuses the members of t that are not among names.
func (r *Reader) RefuseUnknown(t *Table, names ...string) { r.RefuseOthers(t, names, Nearest) }

// RefuseOthers is RefuseUnknown with a fix of the caller's for each unknown member.
func (r *Reader) RefuseOthers(t *Table, names []string, fix func(name string, known []string) string) {
	for _, name := range t.Names {
		if n := t.Get(name); !slices.Contains(names, name) && !n.Empty() {
			r.Refuse(n, n.Path+" is not understood", fix(name, names))
		}
	}
}

// OrList returns "a, b or c", each in quotes.
func OrList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}

// RemoveIt is the fix for what has no use.
const RemoveIt = "remove it"

// Nearest returns the fix for an unknown name: the most similar known name, or to remove it.
func Nearest(name string, known []string) string {
	best, least := "", 1+len(name)/2
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return RemoveIt
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance returns how many letters must be added, removed or replaced to turn a into b.
// "_" and "-" are equal.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	a, b = strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
