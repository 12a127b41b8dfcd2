package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// commitPrefix matches a commit's id, or at least its first 7 characters.
var commitPrefix = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// waiversOf divides the inputs that waive a guard into those that apply to this run and those
// that name a commit. warnings names the inputs that have no effect.
func waiversOf(in inputs, event string) (opt plan.Options, byCommit map[string]string, warnings []string) {
	byCommit = map[string]string{}
	for _, w := range options.Waivers() {
		name, value := w.Input, in.waivers[w.Input]
		switch {
		case value == "":
		case strings.EqualFold(value, "true") && event == "workflow_dispatch":
			*w.Engine(&opt) = true
		case strings.EqualFold(value, "true"):
			warnings = append(warnings, fmt.Sprintf("input %s: true counts only if the workflow was started by "+
				"hand (workflow_dispatch): in a file it would hold for every push; name %s instead, as %s: …",
				name, w.Names(), name))
		case w.Waiver == options.ForWorker:
			opt.TakeOverFrom = value
		case commitPrefix.MatchString(strings.ToLower(value)):
			byCommit[name] = strings.ToLower(value)
		default:
			warnings = append(warnings, fmt.Sprintf("input %s is %.40q and has no effect; name %s, or use true on "+
				"workflow_dispatch", name, value, w.Names()))
		}
	}
	return opt, byCommit, warnings
}
