package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// Kind is which of git's hooks.
type Kind string

// The hooks that there are.
const (
	// PrePushHook runs on the machine that pushes, before anything is sent.
	PrePushHook Kind = "pre-push"
	// PostReceiveHook runs on the server that was pushed to, when all is accepted.
	PostReceiveHook Kind = "post-receive"
)

// Mode is what a pre-push hook does with a push of the deployed branch. In all
// of them a file that must not be published stops the push, and nothing else.
type Mode string

// The modes.
const (
	// Check plans and sends nothing.
	Check Mode = "check"
	// Upload sends the files ahead, so that the deploy that follows only switches.
	Upload Mode = "upload"
	// Deploy makes the commit live before it is pushed. It is what a post-receive
	// hook does.
	Deploy Mode = "deploy"
)

// Settings are what an installed hook was told. They lie in the repository's
// git configuration, as kv-sync.<hook>.<name>, so that a script that several
// repositories share does in each what it was told there.
type Settings struct {
	Mode Mode
	// Name and Dir are the site's, as the flags of these names.
	Name, Dir string
	// Branch and Remote say which pushes are meant, before the configuration does.
	Branch, Remote string
	// EnvFile is a file with variables, absolute, or "": see [ReadEnv].
	EnvFile string
}

// setting is one of the settings by its name in git's configuration, which
// knows no case and no "_".
type setting struct {
	name  string
	value *string
}

// each lists the settings. The mode is the last: by it the hook is on.
func (s *Settings) each() []setting {
	return []setting{
		{"name", &s.Name}, {"dir", &s.Dir}, {"branch", &s.Branch}, {"remote", &s.Remote}, {"envfile", &s.EnvFile},
		{"mode", (*string)(&s.Mode)},
	}
}

func (k Kind) section() string { return "kv-sync." + string(k) }

// Settings returns what a hook was told here; its mode is "" where it is off.
// The person's own configuration counts as well, so that a hook which lies in a
// folder for all repositories can be switched on for all of them.
func (r *Repository) Settings(ctx context.Context, k Kind) (Settings, error) {
	var s Settings
	values, err := r.config(ctx, "", k.section()+".")
	if err != nil {
		return s, fmt.Errorf("read the settings of the %s hook: %w", k, err)
	}
	for _, each := range s.each() {
		for _, v := range values {
			if v.name == each.name {
				*each.value = v.value // the last one counts, as with git
			}
		}
	}
	return s, nil
}

// tell writes the settings of a hook, where they are not so already.
func (r *Repository) tell(ctx context.Context, k Kind, s Settings) error {
	values, err := r.config(ctx, "--local", k.section()+".")
	if err != nil {
		return err
	}
	have := map[string]string{}
	for _, v := range values {
		have[v.name] = v.value
	}
	for _, each := range s.each() {
		name := k.section() + "." + each.name
		switch old, there := have[each.name]; {
		case *each.value == old:
		case *each.value != "":
			_, err = r.git(ctx, "config", "--local", "--replace-all", name, *each.value)
		case there:
			_, err = r.git(ctx, "config", "--local", "--unset-all", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forget takes the settings away and reports whether there were any.
func (r *Repository) forget(ctx context.Context, k Kind) (bool, error) {
	values, err := r.config(ctx, "--local", k.section()+".")
	if err != nil || len(values) == 0 {
		return false, err
	}
	_, err = r.git(ctx, "config", "--local", "--remove-section", k.section())
	return err == nil, err
}

// configured is one value of git's configuration, below a prefix.
type configured struct{ name, value string }

// config returns the values whose names begin with a prefix, in git's order. The
// prefix is matched as git shows it: section and variable in lower case.
func (r *Repository) config(ctx context.Context, scope, prefix string) ([]configured, error) {
	args := []string{"config", "--null"}
	if scope != "" {
		args = append(args, scope, "--no-includes") // what can be written there
	}
	section, _, _ := strings.Cut(prefix, ".")
	out, err := r.git(ctx, append(args, "--get-regexp", "^"+section+`\.`)...)
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 {
		return nil, nil // there is none
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
