package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// commitPrefix is a commit's id, or enough of it to be sure.
var commitPrefix = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// waiversOf sorts the inputs that lift a guard into those that count at once and
// those that name the commit that they are for. An input that has no effect gives
// a warning: the guard stays in force.
func waiversOf(in inputs, event string) (opt plan.Options, byCommit map[string]string, warnings []string) {
	byCommit = map[string]string{}
	for _, w := range options.Waivers() {
		name, value := w.Input, in.waivers[w.Input]
		switch {
		case value == "":
		case strings.EqualFold(value, "true") && event == "workflow_dispatch":
			advice.Lift(w, &opt)
		case strings.EqualFold(value, "true"):
			warnings = append(warnings, fmt.Sprintf("input %s: true counts only where the workflow was started by "+
				"hand (workflow_dispatch): in a file it would hold for every push; name %s instead, as %s: …",
				name, advice.For(w), name))
		case w.Waiver == options.ForWorker:
			opt.TakeOverFrom = value
		case commitPrefix.MatchString(strings.ToLower(value)):
			byCommit[name] = strings.ToLower(value)
		default:
			warnings = append(warnings, fmt.Sprintf("input %s is %.40q and has no effect; name %s, or use true on "+
				"workflow_dispatch", name, value, advice.For(w)))
		}
	}
	return opt, byCommit, warnings
}

// flagText finds flags of the command in a message about the configuration.
var flagText = regexp.MustCompile(`--([a-z][a-z-]*)`)

// settings are the inputs that are called as the command's flags are.
var settings = []string{"name", "project", "projects", "config", "source", "to", "branch", "into"}

// inInputs replaces the flags that a message about the configuration names by the
// inputs of the same meaning. Guards and other failures need no replacement: see
// [advice.Workflow].
func inInputs(text string) string {
	return flagText.ReplaceAllStringFunc(text, func(flag string) string {
		switch name := flag[2:]; {
		case slices.Contains(settings, name):
			return "the input " + name
		case name == "dir":
			return "the input directory"
		case name == "env":
			return "the input environment"
		case name == "commit":
			return "the ref of actions/checkout"
		default:
			return flag + " (a flag of the kv-sync command)"
		}
	})
}
