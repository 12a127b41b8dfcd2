package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The values of the input mode.
const (
	modeDeploy   = "deploy"
	modePlan     = "plan"
	modeRollback = "rollback"
	modePrune    = "prune"
	modePull     = "pull"
)

// pullBranch is the default of the input branch.
const pullBranch = "kv-sync/pull"

// inputs are the values of "with" in the workflow's step.
type inputs struct {
	values           options.Values
	mode             string
	dryRun, projects bool
	// waivers are the values of the inputs that waive a guard, by input.
	waivers map[string]string
	// wrong are the mistakes in the inputs.
	wrong []manifest.Problem
}

// text returns the value of an input.
func (in inputs) text(o *options.Option) string { return in.values.Text(o) }

// readInputs reads and checks the inputs. Opening the site reports the mistakes with its own.
func readInputs(a *githubactions.Action) inputs {
	in := inputs{values: options.Values{}, waivers: map[string]string{}}
	for _, o := range options.Inputs() {
		value := cmp.Or(a.GetInput(o.Input), o.Default)
		switch {
		case o.Waiver != options.NotWaiver:
			if value != "" && !strings.EqualFold(value, "false") {
				in.waivers[o.Input] = value
			}
			continue
		case !o.Allowed(value):
			in.refuse(fmt.Sprintf("input %s is %.40q", o.Input, value), o.Want())
			value = o.Default // so that no later check reports the same
		}
		in.values[o] = value
	}
	in.mode = in.text(options.Mode)
	in.dryRun, in.projects = in.values.Is(options.DryRun), in.values.Is(options.Projects)
	if options.Mode.Allowed(cmp.Or(a.GetInput(options.Mode.Input), options.Mode.Default)) {
		in.checkMode() // else another mode was meant
	}
	in.checkMix()
	if in.text(options.Branch) == "" {
		in.values[options.Branch] = pullBranch
	}
	return in
}

func (in *inputs) refuse(reason, fix string) {
	in.wrong = append(in.wrong, manifest.Problem{Reason: reason, Fix: fix})
}

const leaveOut = "leave one of the two out"

// checkMode refuses the inputs that are for another mode.
func (in *inputs) checkMode() {
	for _, one := range []struct {
		option *options.Option
		mode   string
	}{{options.To, modeRollback}, {options.Branch, modePull}, {options.Into, modePull}} {
		if in.text(one.option) != "" && in.mode != one.mode {
			in.refuse(wrongMode(one.option.Input, one.mode, in.mode), leaveOut)
		}
	}
	for _, w := range options.Waivers() {
		of := modeDeploy
		if slices.Contains(w.Commands, modeRollback) {
			of = modeRollback
		}
		if in.waivers[w.Input] != "" && !slices.Contains(w.Commands, in.mode) {
			in.refuse(wrongMode(w.Input, of, in.mode), leaveOut)
		}
	}
}

func wrongMode(input, of, mode string) string {
	return fmt.Sprintf("input %s is for mode: %s, and the mode is %.40q", input, of, mode)
}

// checkMix refuses inputs that exclude each other, because they select a site, one project or all
// projects.
func (in *inputs) checkMix() {
	if in.text(options.Project) != "" && in.text(options.Name) != "" {
		in.refuse("input name names a site, and input project a project", leaveOut)
	}
	if !in.projects {
		return
	}
	if in.mode == modeRollback || in.mode == modePrune || in.mode == modePull {
		in.refuse("input projects is for mode: deploy and mode: plan, and the mode is "+in.mode,
			"name one project in the input project")
	}
	for _, o := range []*options.Option{options.Name, options.Project, options.Directory, options.Config} {
		if in.text(o) != "" {
			in.refuse("input projects selects every project of the repository, and input "+o.Input+
				" describes a single project", leaveOut)
		}
	}
}

// secrets are the values that no log, summary or output may show. A secret of several
// lines is masked line by line, as the runner masks lines.
func secrets(a *githubactions.Action) []string {
	values := []string{
		a.Getenv("CLOUDFLARE_API_TOKEN"), a.Getenv("CF_API_TOKEN"),
		a.Getenv("CLOUDFLARE_API_KEY"), a.Getenv("CF_API_KEY"), a.Getenv("GITHUB_TOKEN"),
	}
	for _, o := range options.Inputs() {
		if o.Secret {
			values = append(values, a.GetInput(o.Input))
		}
	}
	var out []string
	for _, s := range values {
		for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.TrimSpace(line); len(line) >= 4 { // masking a shorter text would garble the log
				out = append(out, line)
			}
		}
	}
	return out
}
