package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Error lists everything in the configuration that has to be corrected.
type Error struct{ Problems []manifest.Problem }

// Error lists the problems, one per line.
func (e *Error) Error() string {
	lines := []string{"the configuration is invalid; nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// reader reads the values of one file. It collects the problems, so that one run reports all.
type reader struct {
	// file is the file's name in messages.
	file            string
	errors, notices []manifest.Problem
}

func (r *reader) refuse(n *tree.Node, reason, fix string) {
	r.errors = append(r.errors, r.problem(n, reason, fix))
}

func (r *reader) notice(n *tree.Node, reason, fix string) {
	r.notices = append(r.notices, r.problem(n, reason, fix))
}

func (r *reader) problem(n *tree.Node, reason, fix string) manifest.Problem {
	p := manifest.Problem{Path: r.file, Reason: reason, Fix: fix}
	if n != nil {
		p.Line = n.Line
	}
	return p
}

// wrongType refuses a value of another type than want.
func (r *reader) wrongType(n *tree.Node, want, fix string) {
	r.refuse(n, fmt.Sprintf("%s is %s, not %s", n.Path, n.Kind(), want), fix)
}

// inQuotes is the fix for a text without quotes.
const inQuotes = "put it in quotes"

func (r *reader) text(n *tree.Node) string {
	s, ok := n.Value.(string)
	if !ok {
		r.wrongType(n, "a string", inQuotes)
	}
	return s
}

func (r *reader) flag(n *tree.Node) bool {
	b, ok := n.Value.(bool)
	if !ok {
		r.wrongType(n, "a boolean", "write true or false, without quotes")
	}
	return b
}

func (r *reader) object(n *tree.Node) *tree.Table {
	t, ok := n.Value.(*tree.Table)
	if !ok {
		r.wrongType(n, "an object", "write names and values in braces: { … }")
		return &tree.Table{}
	}
	return t
}

func (r *reader) list(n *tree.Node) []*tree.Node {
	l, ok := n.Value.([]*tree.Node)
	if !ok {
		r.wrongType(n, "a list", "write it in brackets: [ … ]")
	}
	return l
}

func (r *reader) texts(n *tree.Node) []string {
	list := r.list(n)
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, r.text(e))
	}
	return out
}

// textMap reads an object of strings.
func (r *reader) textMap(n *tree.Node) map[string]string {
	t := r.object(n)
	out := make(map[string]string, len(t.Names))
	for _, name := range t.Names {
		out[name] = r.text(t.Get(name))
	}
	return out
}

// oneOf reads a string that must be one of the allowed ones.
func (r *reader) oneOf(n *tree.Node, allowed ...string) string {
	s := r.text(n)
	if _, ok := n.Value.(string); ok && !slices.Contains(allowed, s) {
		r.refuse(n, fmt.Sprintf("%s is %.60q", n.Path, s), "write "+orList(allowed))
		return ""
	}
	return s
}

// refuseUnknown refuses the members of t that are not among names.
func (r *reader) refuseUnknown(t *tree.Table, names ...string) { r.refuseUnknownIn(t, "", names...) }

// refuseUnknownIn is refuseUnknown for a table of kv-sync.toml. In TOML all lines below a table's header
// belong to the table, so a setting may be in the table by mistake.
func (r *reader) refuseUnknownIn(t *tree.Table, head string, names ...string) {
	for _, name := range t.Names {
		if slices.Contains(names, name) || t.Get(name).Empty() {
			continue
		}
		n, fix := t.Get(name), nearest(name, names)
		if head != "" && isKey(name) {
			fix = fmt.Sprintf("write it above the line [%s]: all lines below it belong to that table", head)
		}
		r.refuse(n, fmt.Sprintf("%s is not understood", n.Path), fix)
	}
}

// orList returns "a, b or c", each in quotes.
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

// nearest returns the fix for an unknown name: the most similar known name, or to remove it.
func nearest(name string, known []string) string {
	best, least := "", 1+len(name)/2
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return removeIt
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
