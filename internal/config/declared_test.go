package config

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/options"
)

// The declaration of a setting without a setter checks its values.
func TestDeclaredSetting(t *testing.T) {
	color := &options.Option{Setting: "color", Variables: []string{"KV_SYNC_COLOR"}, Values: []string{"red", "green"}}
	k := declared(color)
	if k.name != "color" || len(k.env) != 1 || !k.file {
		t.Errorf("the key is %+v", k)
	}
	s := &Settings{}
	if err := k.set(s, "red"); err != nil || s.Options.Text(color) != "red" {
		t.Errorf("red: %v, %v", err, s.Options)
	}
	if err := k.set(s, "blue"); err == nil || err.Error() != `write "red" or "green"` {
		t.Errorf("blue: %v", err)
	}
	text := &options.Option{Setting: "text"}
	if err := declared(text).set(s, "a\nb"); err == nil {
		t.Error("two lines are accepted")
	}
}
