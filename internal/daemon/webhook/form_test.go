package webhook

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

func TestFormPayload(t *testing.T) {
	for form, want := range map[string]string{
		"payload=%7B%22a%22%3A+1%7D": `{"a": 1}`,
		"x=1&payload=a%26b&y=2":      "a&b",
		"payload=":                   "",
		"payload=%2b%C3%B6":          "+ö",
	} {
		got, err := formPayload([]byte(form))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", form, got, err)
		}
	}
	for _, form := range []string{"", "payload", "x=payload=1", "payload=%", "payload=%4", "payload=%zz", "Payload=1",
		`{"ref":""}`} {
		if got, err := formPayload([]byte(form)); err == nil {
			t.Errorf("%s: %q", form, got)
		}
	}
}

// formPayload agrees with the standard library.
func FuzzFormPayload(f *testing.F) {
	for _, s := range []string{"payload=%7B%7D", "a=b&payload=+%2B", "payload=a&payload=b", "payload=%", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		values, err := url.ParseQuery(string(form))
		got, gotErr := formPayload(bytes.Clone(form))
		has := err == nil && values.Has("payload") && bytes.Contains(form, []byte("payload="))
		if has && (gotErr != nil || values.Get("payload") != string(got)) {
			for part := range strings.SplitSeq(string(form), "&") { // no forge writes "p%61yload="
				if key, _, _ := strings.Cut(part, "="); key != "payload" && strings.ContainsAny(key, "%") || part == "payload" {
					return
				}
			}
			t.Errorf("%q: %q, %v; not %q", form, got, gotErr, values.Get("payload"))
		}
	})
}
