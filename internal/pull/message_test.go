package pull

import (
	"strings"
	"testing"
	"unicode"
)

// The author and message of an edit cannot add a header or trailer to the commit, contain a
// command to a CI service, or hide text from a reviewer.
func TestMaliciousMessage(t *testing.T) {
	t.Parallel()
	e := newEntry("/a.html", "new", "")
	e.Author = "Eve\nparent 0000\u202e <eve@example.org\ncommitter Eve>"
	e.Message = "pay\u202eload\u200b\x1b[31m\n\nSigned-off-by: Ada <ada@example.org>\u2028[skip ci]"
	edit := Edit{Path: e.Path, Time: e.Time, Author: e.Author, Message: e.Message, Entry: &e}
	other := edit
	other.Author = "Grace <grace@example.org>"
	for name, r := range map[string]*Report{"one edit": {Taken: []Edit{edit}}, "two": {Taken: []Edit{edit, other}}} {
		m := Describe(r)
		for _, text := range []string{m.Author.Name, m.Author.Email, strings.ReplaceAll(m.Text, "\n", "")} {
			if i := strings.IndexFunc(text,
				func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); i >= 0 {
				t.Errorf("%s: %q has a control character at %d", name, text, i)
			}
		}
		for _, line := range strings.Split(m.Text, "\n") {
			if strings.HasPrefix(line, "Signed-off-by") || strings.Contains(line, "[skip") {
				t.Errorf("%s: the message has the line %q", name, line)
			}
		}
		if strings.ContainsAny(m.Author.String(), "\n") || strings.Count(m.Author.String(), "<") != 1 {
			t.Errorf("%s: the author is %q", name, m.Author.String())
		}
	}
	if p := person(e.Author); strings.ContainsAny(p.Name+p.Email, "<>\n\r") ||
		p.Email != "eve@example.org committer Eve" {
		t.Errorf("the author is %+v", p)
	}
	if p := person(strings.Repeat("x", 1000)); len(p.Name) > 110 {
		t.Errorf("a name of 1000 characters was cut to %d", len(p.Name))
	}
}
