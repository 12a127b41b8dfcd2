package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// commitPrefix is a commit's id, or enough of it to be sure.
var commitPrefix = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// waiversOf sorts the inputs that lift a guard into those that count at once and
// those that name the commit that they are for. An input that does not count is
// said in a warning: the run goes on under the guard.
func waiversOf(in inputs, event string) (opt kvsync.Options, byCommit map[string]string, warnings []string) {
	byCommit = map[string]string{}
	for _, name := range waivable {
		value := in.waivers[name]
		switch {
		case value == "":
		case strings.EqualFold(value, "true") && event == "workflow_dispatch":
			lift(&opt, name)
		case strings.EqualFold(value, "true"):
			warnings = append(warnings, fmt.Sprintf("input %s: true counts only where the workflow was started by hand (workflow_dispatch): in a file it would hold for every push; name %s instead, as %s: …",
				name, caseOf(name), name))
		case name == "take-over":
			opt.TakeOverFrom = value
		case commitPrefix.MatchString(strings.ToLower(value)):
			byCommit[name] = strings.ToLower(value)
		default:
			warnings = append(warnings, fmt.Sprintf("input %s is %.40q and has no effect; name %s, or use true on workflow_dispatch", name, value, caseOf(name)))
		}
	}
	return opt, byCommit, warnings
}

// caseOf says what a waiver names.
func caseOf(name string) string {
	if name == "take-over" {
		return "the repository (host/owner/name) or the Worker version that may be replaced"
	}
	return "the commit that it is for"
}

// lift sets the option of an input.
func lift(opt *kvsync.Options, name string) {
	switch name {
	case "allow-shrink":
		opt.AllowShrink = true
	case "any-order":
		opt.AnyOrder = true
	case "take-over":
		opt.TakeOver = true
	case "release":
		opt.Release = true
	case "forget":
		opt.Forget = true
	case "repair":
		opt.Repair = true
	}
}

// flagText finds flags of the command in a message.
var flagText = regexp.MustCompile(`--([a-z][a-z-]*)`)

// settings are the inputs that are called as the command's flags are.
var settings = []string{"name", "project", "projects", "config", "source", "to", "branch", "into"}

// inInputs says in the words of a workflow what a message says in those of the
// command: flags become inputs, where there is one.
func inInputs(text string) string {
	return flagText.ReplaceAllStringFunc(text, func(flag string) string {
		switch name := flag[2:]; {
		case slices.Contains(waivable, name):
			return "the input " + name + ": true on workflow_dispatch (elsewhere name " + caseOf(name) + ")"
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
