package advice

import (
	"regexp"
	"slices"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// flagText matches the command lines of kv-sync in a text, which stay as they are, and flags.
var flagText = regexp.MustCompile(`kv-sync [a-z]+[^;,]*|--([a-z][a-z-]*)`)

// ofDaemon are the settings of a site in the daemon's configuration, by the flag with the same meaning.
var ofDaemon = map[string]string{"dir": "dir", "name": "name", "project": "project", "commit": "branch"}

// ofHook are the flags that kv-sync hook install has, too.
var ofHook = []string{"dir", "name", "branch", "remote"}

// Spell replaces the flags of the command in a text about the configuration by what has the same
// meaning in the place: inputs, settings of the daemon, or flags of the hook's installation. Flags of
// other tools stay.
func (p Place) Spell(text string) string {
	if p == Terminal || p == Watch {
		return text
	}
	return flagText.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] != '-' {
			return found
		}
		return p.spelled(found[2:])
	})
}

// siteCommands matches the commands about a site in a text.
var siteCommands = regexp.MustCompile(
	`kv-sync (?:deploy|plan|upload|rollback|history|verify|prune|pull|open|delete)\b`)

// Complete adds the flags that select a site to each command in a text, so that it can be pasted. Each of
// them follows a space.
func Complete(text, flags string) string {
	return siteCommands.ReplaceAllStringFunc(text, func(command string) string { return command + flags })
}

// CompleteAll is [Complete] for what to do about each problem of a list, which it changes.
func CompleteAll(list []manifest.Problem, flags string) []manifest.Problem {
	for i := range list {
		list[i].Fix = Complete(list[i].Fix, flags)
	}
	return list
}

// spelled returns what is given in the place of a flag.
func (p Place) spelled(flag string) string {
	o := options.OfFlag(flag)
	switch {
	case p == Hook && slices.Contains(ofHook, flag):
		return "kv-sync hook install --" + flag
	case p == Hook:
		return "--" + flag
	case o == nil:
		return "--" + flag
	case p == Workflow && o.Input != "":
		return "the input " + o.Input
	case p == Workflow && o == options.Commit:
		return "the ref of actions/checkout"
	case p == Daemon && ofDaemon[flag] != "":
		return "the daemon's setting " + ofDaemon[flag]
	}
	return "--" + flag + " (a flag of the kv-sync command)"
}
