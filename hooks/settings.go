package hooks

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// Kind is one of git's hooks.
type Kind string

// The supported hooks.
const (
	// PrePushHook runs on the machine that pushes, before anything is sent.
	PrePushHook Kind = "pre-push"
	// PostReceiveHook runs on the server after a push was accepted.
	PostReceiveHook Kind = "post-receive"
)

// Mode is what a pre-push hook does with a push of the deployed branch. In every mode,
// only a file that must not be published blocks the push.
type Mode string

// The modes.
const (
	// Check plans a deploy and sends nothing.
	Check Mode = "check"
	// Upload uploads the files, so that the following deploy only switches.
	Upload Mode = "upload"
	// Deploy makes the commit live before it is pushed. A post-receive hook always
	// deploys.
	Deploy Mode = "deploy"
)

// Settings are an installed hook's settings. They are in the repository's git
// configuration, as kv-sync.<hook>.<name>, so that a script that several repositories
// share has its own settings in each.
type Settings struct {
	Mode Mode
	// Name and Dir have the meaning of the flags with these names.
	Name, Dir string
	// Branch and Remote select the pushes, and override the configuration.
	Branch, Remote string
	// EnvFile is the absolute path of a file for [ReadEnv], or "".
	EnvFile string
}

// setting is a setting with its name in git's configuration, which ignores case and
// allows no "_".
type setting struct {
	name  string
	value *string
}

// each lists the settings. The mode is last, because it enables the hook.
func (s *Settings) each() []setting {
	return []setting{
		{"name", &s.Name}, {"dir", &s.Dir}, {"branch", &s.Branch}, {"remote", &s.Remote}, {"envfile", &s.EnvFile},
		{"mode", (*string)(&s.Mode)},
	}
}

func (k Kind) section() string { return "kv-sync." + string(k) }

// Settings returns a hook's settings in this repository. The mode is "" if it is not
// enabled. The user's global configuration counts as well, so that a hook in a shared
// folder can be enabled for all repositories.
func (r *Repository) Settings(ctx context.Context, k Kind) (Settings, error) {
	return r.settingsIn(ctx, k, "")
}

// saved returns the settings in the repository's own configuration.
func (r *Repository) saved(ctx context.Context, k Kind) (Settings, error) {
	return r.settingsIn(ctx, k, "--local")
}

// settingsIn reads the settings from git's configuration. scope is a flag of git config, or "".
func (r *Repository) settingsIn(ctx context.Context, k Kind, scope string) (s Settings, err error) {
	values, err := r.config(ctx, scope, k.section()+".")
	if err != nil {
		return s, fmt.Errorf("read the settings of the %s hook: %w", k, err)
	}
	for _, each := range s.each() {
		for _, v := range values {
			if v.name == each.name {
				*each.value = v.value // the last value counts, as in git
			}
		}
	}
	return s, nil
}

// Default sets the settings that are "" to other values, such as the installed ones.
func (s *Settings) Default(to Settings) {
	others := to.each()
	for i, each := range s.each() {
		*each.value = cmp.Or(*each.value, *others[i].value)
	}
}

// saveSettings writes the settings that differ from the saved ones.
func (r *Repository) saveSettings(ctx context.Context, k Kind, saved, s Settings) error {
	old := saved.each()
	for i, each := range s.each() {
		if *each.value == *old[i].value {
			continue
		}
		if _, err := r.git(ctx, "config", "--local", "--replace-all", k.section()+"."+each.name, *each.value); err != nil {
			return err
		}
	}
	return nil
}

// removeSettings removes the settings and reports whether there were any.
func (r *Repository) removeSettings(ctx context.Context, k Kind) (bool, error) {
	values, err := r.config(ctx, "--local", k.section()+".")
	if err != nil || len(values) == 0 {
		return false, err
	}
	_, err = r.git(ctx, "config", "--local", "--remove-section", k.section())
	return err == nil, err
}

// configured is a value of git's configuration, with its name after a prefix.
type configured struct{ name, value string }

// config returns the values whose names begin with a prefix, in git's order. Git writes
// sections and variables in lower case.
func (r *Repository) config(ctx context.Context, scope, prefix string) ([]configured, error) {
	args := []string{"config", "--null"}
	if scope != "" {
		args = append(args, scope, "--no-includes") // only what can be changed there
	}
	section, _, _ := strings.Cut(prefix, ".")
	out, err := r.git(ctx, append(args, "--get-regexp", "^"+section+`\.`)...)
	if saysNo(err) {
		return nil, nil // no value
	}
	if err != nil {
		return nil, err
	}
	var list []configured
	for entry := range strings.SplitSeq(out, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if name, ok := strings.CutPrefix(key, prefix); ok {
			list = append(list, configured{name, value})
		}
	}
	return list, nil
}
