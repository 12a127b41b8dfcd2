package config

import (
	"fmt"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Error lists everything in the configuration that a person has to mend.
type Error struct{ Problems []kvsync.Problem }

// Error lists the problems, a line each.
func (e *Error) Error() string {
	lines := []string{"the configuration was refused, nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// reader reads values of one file and collects what is wrong with them, so that
// a person learns everything at once.
type reader struct {
	// file is the file's name in messages.
	file    string
	errors  []kvsync.Problem
	notices []kvsync.Problem
}

func (r *reader) refuse(n *node, reason, fix string) {
	r.errors = append(r.errors, r.problem(n, reason, fix))
}

func (r *reader) notice(n *node, reason, fix string) {
	r.notices = append(r.notices, r.problem(n, reason, fix))
}

func (r *reader) problem(n *node, reason, fix string) kvsync.Problem {
	p := kvsync.Problem{Path: r.file, Reason: reason, Fix: fix}
	if n != nil {
		p.Line = n.line
	}
	return p
}

// wrong says that a value has another type than it should, and how that is written.
func (r *reader) wrong(n *node, want, write string) {
	r.refuse(n, fmt.Sprintf("%s is %s, not %s", n.path, n.kind(), want), write)
}

// inQuotes is how a text is written.
const inQuotes = "put it in quotes"

func (r *reader) text(n *node) string {
	s, ok := n.value.(string)
	if !ok {
		r.wrong(n, "a string", inQuotes)
	}
	return s
}

func (r *reader) flag(n *node) bool {
	b, ok := n.value.(bool)
	if !ok {
		r.wrong(n, "a boolean", "write true or false, without quotes")
	}
	return b
}

func (r *reader) object(n *node) *table {
	t, ok := n.value.(*table)
	if !ok {
		r.wrong(n, "an object", "write names and values in braces: { … }")
		return &table{}
	}
	return t
}

func (r *reader) list(n *node) []*node {
	l, ok := n.value.([]*node)
	if !ok {
		r.wrong(n, "a list", "write it in brackets: [ … ]")
	}
	return l
}

func (r *reader) texts(n *node) []string {
	list := r.list(n)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, r.text(e))
	}
	return out
}

// textMap reads an object of strings.
func (r *reader) textMap(n *node) map[string]string {
	t := r.object(n)
	out := make(map[string]string, len(t.names))
	for _, name := range t.names {
		out[name] = r.text(t.get(name))
	}
	return out
}

// oneOf reads a string that is one of a few.
func (r *reader) oneOf(n *node, allowed ...string) string {
	s, ok := n.value.(string)
	if !ok {
		r.wrong(n, "a string", inQuotes)
		return ""
	}
	if slices.Contains(allowed, s) {
		return s
	}
	r.refuse(n, fmt.Sprintf("%s is %.60q", n.path, s), "write "+orList(allowed))
	return ""
}

// known refuses the members of t that are not among names.
func (r *reader) known(t *table, names ...string) {
	for _, name := range t.names {
		if !slices.Contains(names, name) {
			n := t.get(name)
			r.refuse(n, fmt.Sprintf("%s is not understood", n.path), nearest(name, names))
		}
	}
}

// knownOf is known for a table of a file that has other settings beside it. In
// TOML whatever stands below the table's head is the table's, so that a setting
// may have come into it by where it was written.
func (r *reader) knownOf(t *table, head string, names ...string) {
	for _, name := range t.names {
		if slices.Contains(names, name) {
			continue
		}
		n, fix := t.get(name), nearest(name, names)
		if slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
			fix = fmt.Sprintf("write it above the line [%s], for what stands below belongs to that", head)
		}
		r.refuse(n, fmt.Sprintf("%s is not understood", n.path), fix)
	}
}

// orList writes "a, b or c", each in quotes.
func orList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}

// nearest says what an unknown name may have meant.
func nearest(name string, known []string) string {
	best, least := "", 1+len(name)/2
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "take it out"
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is how many letters have to be added, removed or replaced to make a
// of b. "_" and "-" are alike.
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
