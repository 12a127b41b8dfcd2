package term

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noVariable(string) string { return "" }

// output is a text that a console prints, and how it is printed.
type output struct {
	name  string
	print func(*Console)
	want  string
}

// check prints each output without colours. It goes to stdout, and nothing to stderr.
func check(t *testing.T, outputs []output) {
	t.Helper()
	for _, o := range outputs {
		t.Run(o.name, func(t *testing.T) {
			var out, err bytes.Buffer
			o.print(New(&out, &err, noVariable))
			if d := cmp.Diff(o.want, out.String()); d != "" || err.Len() > 0 {
				t.Errorf("%s%s", d, err.String())
			}
		})
	}
}

// colored is what a console prints to a terminal.
func colored(print func(*Console)) string {
	var out bytes.Buffer
	c := New(&out, io.Discard, noVariable)
	c.color = true
	print(c)
	return out.String()
}
