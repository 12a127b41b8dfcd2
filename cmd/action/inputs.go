package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/options"
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
}

// text returns the value of an input.
func (in inputs) text(o *options.Option) string { return in.values.Text(o) }

// readInputs reads and checks the inputs, and reports all mistakes at once.
func readInputs(a *githubactions.Action) (inputs, error) {
	in := inputs{values: options.Values{}, waivers: map[string]string{}}
	var wrong []error
	for _, o := range options.Inputs() {
		value := cmp.Or(a.GetInput(o.Input), o.Default)
		switch {
		case o.Waiver != options.NotWaiver:
			if value != "" && !strings.EqualFold(value, "false") {
				in.waivers[o.Input] = value
			}
			continue
		case !o.Allowed(value):
			wrong = append(wrong, fmt.Errorf("input %s is %.40q; %s", o.Input, value, o.Want()))
		}
		in.values[o] = value
	}
	in.mode = in.text(options.Mode)
	in.dryRun, in.projects = in.values.Is(options.DryRun), in.values.Is(options.Projects)
	wrong = append(wrong, in.misplaced()...)
	wrong = append(wrong, in.mixed()...)
	if in.text(options.Branch) == "" {
		in.values[options.Branch] = pullBranch
	}
	if len(wrong) > 0 {
		return in, &app.UsageError{Err: errors.Join(wrong...)}
	}
	return in, nil
}

// misplaced reports the inputs that are for another mode.
func (in inputs) misplaced() []error {
	var wrong []error
	for _, one := range []struct {
		option *options.Option
		mode   string
	}{{options.To, modeRollback}, {options.Branch, modePull}, {options.Into, modePull}} {
		if in.text(one.option) != "" && in.mode != one.mode {
			wrong = append(wrong, wrongMode(one.option.Input, one.mode, in.mode))
		}
	}
	for _, w := range options.Waivers() {
		of := modeDeploy
		if slices.Contains(w.Commands, modeRollback) {
			of = modeRollback
		}
		if in.waivers[w.Input] != "" && !slices.Contains(w.Commands, in.mode) {
			wrong = append(wrong, wrongMode(w.Input, of, in.mode))
		}
	}
	return wrong
}

func wrongMode(input, of, mode string) error {
	return fmt.Errorf("input %s is for mode: %s, and the mode is %.40q; leave one of the two out", input, of, mode)
}

// mixed reports inputs that exclude each other, because they select a site, one project or all
// projects.
func (in inputs) mixed() []error {
	var wrong []error
	if in.text(options.Project) != "" && in.text(options.Name) != "" {
		wrong = append(wrong, errors.New("input name names a site, and input project a project; "+
			"leave one of the two out"))
	}
	if !in.projects {
		return wrong
	}
	if in.mode == modeRollback || in.mode == modePrune || in.mode == modePull {
		wrong = append(wrong, fmt.Errorf("input projects is for mode: deploy and mode: plan, and the mode is %s; "+
			"name one project in the input project", in.mode))
	}
	for _, o := range []*options.Option{options.Name, options.Project, options.Directory, options.Config} {
		if in.text(o) != "" {
			wrong = append(wrong, fmt.Errorf("input projects selects every project of the repository, "+
				"and input %s describes a single project; leave one of the two out", o.Input))
		}
	}
	return wrong
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
