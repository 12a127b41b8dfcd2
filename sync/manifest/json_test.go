package manifest

import "testing"

func TestMarshalJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<&>": `"<&>"`, "a\u2028b\u2029": "\"a\u2028b\u2029\"", `a\u2028`: `"a\\u2028"`, "\\\u2028": "\"\\\\\u2028\"",
		"\n": `"\n"`,
	} {
		if b, err := EncodeJSON(in); err != nil || string(b) != want {
			t.Errorf("%q: %s, want %s (%v)", in, b, want, err)
		}
	}
}
