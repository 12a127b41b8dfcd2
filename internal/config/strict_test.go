package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/config/tree"
)

// address is a text that is always invalid.
type address struct{}

func (*address) UnmarshalText([]byte) error { return errors.New("write an address") }

// Unknown settings and wrong types are problems: if a misspelled setting of the daemon were
// ignored, its default would silently apply.
func TestStrict(t *testing.T) {
	t.Parallel()
	type hook struct {
		Secret string `toml:"secret"`
	}
	type settings struct {
		Place
		Listen string          `toml:"listen"`
		Limit  int             `toml:"limit"`
		Open   bool            `toml:"open"`
		Hook   map[string]hook `toml:"hook"`
		From   *address        `toml:"from"`
	}
	for text, want := range map[string]string{
		`listen = "a"`:                           "",
		"listen = \"a\"\nlisten-admin = \"b\"":   "f.toml:2: listen-admin is not understood",
		"[hook.a]\nsecrte = \"x\"":               `f.toml:2: hook.a.secrte is not understood; did you mean "secret"?`,
		`listen = 5`:                             "listen is a number, not a string",
		"listen = \"a\\nb\"":                     "listen contains a line break",
		`limit = "5"`:                            "limit is a string, not a whole number",
		`limit = 5.5`:                            "limit is a number, not a whole number",
		`open = "yes"`:                           "open is a string, not a boolean",
		`hook = "a"`:                             "hook is a string",
		`from = 5`:                               "from is a number, not a string",
		`from = "https://me:s3cret@host/x"`:      `from is "https://***@host/x"; write an address`,
		`from = "https://a@s3cret@host/x"`:       `from is "https://***@host/x"`,
		strings.Repeat("#", tree.MaxFileBytes+1): "too large for a configuration file",
		strings.Repeat("[", 1<<17):               "nested too deeply",
	} {
		var into settings
		problems := Strict("f.toml", []byte(text), &into)
		got := ""
		if len(problems) > 0 {
			got = fmt.Sprint(problems)
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "s3cret") {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	var into settings
	problems := Strict("f.toml", []byte("open = true\n\nlimit = 7\n"), &into)
	if len(problems) > 0 || into.Limit != 7 || !into.Open ||
		!into.Has("limit") || into.Has("listen") || into.Problem("limit", "r", "").Line != 3 {
		t.Errorf("%v, %+v", problems, into)
	}
}
