package term

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noVariable(string) string { return "" }

// output is a call of the console and the text that it prints.
type output struct {
	name  string
	print func(*Console)
	want  string
}

// check compares what each call prints to stdout, without colours. Nothing may go to stderr.
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

// colored returns what a call prints in colours.
func colored(print func(*Console)) string {
	var out bytes.Buffer
	c := New(&out, io.Discard, noVariable)
	c.color = true
	print(c)
	return out.String()
}
