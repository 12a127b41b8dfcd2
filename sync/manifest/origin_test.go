package manifest_test

import (
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestRepositories(t *testing.T) {
	named := func(name, id string, remotes ...string) manifest.Repository {
		return manifest.Repository{Name: name, ID: id, Remotes: remotes}
	}
	for name, tt := range map[string]struct {
		mine, live manifest.Repository
		differ     bool
	}{
		"the same":                 {named("github.com/a/x", "1"), named("github.com/a/x", "1"), false},
		"renamed":                  {named("github.com/a/y", "1"), named("github.com/a/x", "1"), false},
		"another of the same name": {named("github.com/a/x", "2"), named("github.com/a/x", "1"), true},
		"another":                  {named("github.com/a/y", ""), named("github.com/a/x", "1"), true},
		"a clone that has it as a remote": {named("github.com/me/x", "", "github.com/me/x", "github.com/a/x"),
			named("github.com/a/x", "1"), false},
		"a clone without remotes": {named("", ""), named("github.com/a/x", "1"), false},
		"an older kv-sync":        {named("github.com/a/x", "1"), named("", ""), false},
		"only remotes, another":   {named("", "", "github.com/b/y"), named("github.com/a/x", ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.mine.Differs(tt.live); got != tt.differ {
				t.Errorf("got %t", got)
			}
		})
	}
}
