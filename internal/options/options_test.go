package options_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func TestDeclarations(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range options.All() {
		for _, name := range []string{"flag " + o.Flag, "input " + o.Input, "setting " + o.Setting} {
			if !strings.HasSuffix(name, " ") && seen[name] {
				t.Errorf("%s is declared twice", name)
			}
			seen[name] = true
		}
		switch {
		case o.Flag+o.Input+o.Setting == "":
			t.Errorf("%q is neither a flag, an input nor a setting", o.Help)
		case o.Flag == "" != (len(o.Commands) == 0):
			t.Errorf("--%s has the commands %v", o.Flag, o.Commands)
		case o.Secret && o.Flag != "":
			t.Errorf("--%s would show a secret to other users of the machine", o.Flag)
		case o.Flag != "" && !o.Switch && o.Placeholder == "":
			t.Errorf("--%s has no placeholder", o.Flag)
		case o.Flag+o.Input != "" && !strings.HasSuffix(o.Help, "."):
			t.Errorf("the help %q is no sentence", o.Help)
		}
	}
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		option *options.Option
		value  string
		want   bool
	}{
		{options.Mode, "", true}, {options.Mode, "plan", true}, {options.Mode, "Plan", false}, {options.Name, "any", true},
		{options.DryRun, "true", true}, {options.DryRun, "False", true}, {options.DryRun, "yes", false},
		{options.Forget, "0123abc", true}, // a commit
	} {
		if got := c.option.Allowed(c.value); got != c.want {
			t.Errorf("%s: allowed(%q) is %v", c.option.Input, c.value, got)
		}
	}
	for want, o := range map[string]*options.Option{
		"use true or false": options.DryRun, "use auto, commit or folder": options.Source,
	} {
		if got := o.Want(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestValues(t *testing.T) {
	given := options.Values{options.Name: "a b", options.Commit: "HEAD", options.Repair: "true", options.Mode: "plan",
		options.Config: "", options.Token: "t"}
	for want, groups := range map[string][]options.Group{
		"": {options.GroupGuards}, " --name 'a b'": {options.GroupSite},
		" --commit HEAD --repair": {options.GroupSource, options.GroupOnce},
	} {
		if got := given.Typed(groups...); got != want {
			t.Errorf("typed %q, want %q", got, want)
		}
	}
	if d := cmp.Diff(map[string]string{"name": "a b", "api-token": "t"}, given.BySetting()); d != "" {
		t.Error(d)
	}
	other := given.With(options.Name, "c")
	if given.Text(options.Name) != "a b" || other.Text(options.Name) != "c" || !other.Is(options.Repair) ||
		other.Is(options.Forget) {
		t.Errorf("the values are %v and %v", given, other)
	}
	if none := options.Values(nil); none.With(options.Name, "c").Text(options.Name) != "c" || none.Is(options.Forget) {
		t.Error("nil is not empty")
	}
}

func TestEngine(t *testing.T) {
	all := options.Values{}
	for _, o := range options.All() {
		if (o.Group == options.GroupGuards || o.Group == options.GroupOnce) != (o.Engine != nil) {
			t.Errorf("--%s is in the group %q", o.Flag, o.Group)
		}
		all[o] = "true"
	}
	want := plan.Options{TakeOver: true, AllowShrink: true, AnyOrder: true, Release: true, HideEdits: true,
		PublishIgnored: true, AllowForgotten: true, Forget: true, Repair: true}
	if got := all.Engine(); got != want {
		t.Errorf("all options set %+v", got)
	}
	if got := (options.Values{options.Forget: "0123abc"}).Engine(); got != (plan.Options{}) {
		t.Errorf("a waiver for one commit sets %+v", got)
	}
}
