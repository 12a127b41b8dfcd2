package term

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain /a b.html": "plain /a b.html", "ünï": "ünï", "\ufffd": "\ufffd",
		"\x1b[2J": `\x1b[2J`, "\u202etxt": `\u202etxt`, "a\nb": `a\nb`, "\u200b": `\u200b`, "\xff": `\xff`,
		"\u009b31m": `\u009b31m`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\nb\n\n": "a\nb", "a\x1b\nb\r": `a\x1b` + "\n" + `b\r`} {
		if got := Lines(in); got != want {
			t.Errorf("Lines(%q) is %q, want %q", in, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"plain /a b.html", "\x1b[2J", "\u202etxt", "\xff\xfe", "a\nb", "\u200b", "ünï", "\ufffd",
		"\x9b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := Visible(s)
		if !utf8.ValidString(v) {
			t.Fatalf("%q is not UTF-8", v)
		}
		for _, r := range v {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q has %U", v, r)
			}
		}
	})
}
