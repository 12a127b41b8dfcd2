package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/source"
)

// The modes.
const (
	modeDeploy   = "deploy"
	modePlan     = "plan"
	modeRollback = "rollback"
	modePrune    = "prune"
	modePull     = "pull"
)

// pullBranch is the branch that edits are pulled onto unless another is named.
const pullBranch = "kv-sync/pull"

// inputs are what the workflow's step says under "with".
type inputs struct {
	apiToken, accountID, githubToken    string
	name, directory, source, to, config string
	project                             string // the id of one
	projects                            bool   // all that the repository holds
	branch, into                        string // where edits go
	// workingDirectory is the project's folder in the workspace, environment one
	// of the wrangler file's.
	workingDirectory, environment string
	mode                          string
	dryRun                        bool
	// waivers are the guards that the workflow lifts, as it gives them, by input.
	waivers map[string]string
}

// waivable are the inputs that lift a guard or renew what is live. Left in a
// workflow file, "true" would end a promise for good, so it counts only where
// somebody starts the workflow by hand; elsewhere the value names the case.
var waivable = []string{"allow-shrink", "any-order", "take-over", "release", "forget", "repair"}

// readInputs reads and checks them. What is wrong with several is told at once.
func readInputs(a *githubactions.Action) (inputs, error) {
	in := inputs{
		apiToken:    a.GetInput("api-token"),
		accountID:   a.GetInput("account-id"),
		githubToken: a.GetInput("github-token"),
		name:        a.GetInput("name"),
		directory:   a.GetInput("directory"),
		source:      cmp.Or(a.GetInput("source"), source.Auto),
		to:          a.GetInput("to"),
		config:      a.GetInput("config"),
		project:     a.GetInput("project"),
		branch:      a.GetInput("branch"),
		into:        a.GetInput("into"),
		mode:        cmp.Or(a.GetInput("mode"), modeDeploy),

		workingDirectory: a.GetInput("working-directory"),
		environment:      a.GetInput("environment"),
		waivers:          map[string]string{},
	}
	for _, name := range waivable {
		if value := a.GetInput(name); value != "" && !strings.EqualFold(value, "false") {
			in.waivers[name] = value
		}
	}
	var wrong []error
	for _, flag := range []struct {
		name, value string
		into        *bool
	}{{"dry-run", a.GetInput("dry-run"), &in.dryRun}, {"projects", a.GetInput("projects"), &in.projects}} {
		switch strings.ToLower(cmp.Or(flag.value, "false")) {
		case "true":
			*flag.into = true
		case "false":
		default:
			wrong = append(wrong, fmt.Errorf("input %s is %.40q; use true or false", flag.name, flag.value))
		}
	}
	switch in.mode {
	case modeDeploy, modePlan, modeRollback, modePrune, modePull:
	default:
		wrong = append(wrong, fmt.Errorf("input mode is %.40q; use deploy, plan, rollback, prune or pull", in.mode))
	}
	switch in.source {
	case source.Auto, source.KindCommit, source.KindFolder:
	default:
		wrong = append(wrong, fmt.Errorf("input source is %.40q; use auto, commit or folder", in.source))
	}
	if in.to != "" && in.mode != modeRollback {
		wrong = append(wrong, fmt.Errorf("input to is for mode: rollback, and the mode is %.40q; leave one of the two out", in.mode))
	}
	for _, one := range []struct{ name, value string }{{"branch", in.branch}, {"into", in.into}} {
		if one.value != "" && in.mode != modePull {
			wrong = append(wrong, fmt.Errorf("input %s is for mode: pull, and the mode is %.40q; leave one of the two out", one.name, in.mode))
		}
	}
	for name := range in.waivers {
		if in.mode != modeDeploy && in.mode != modePlan {
			wrong = append(wrong, fmt.Errorf("input %s is for mode: deploy, and the mode is %.40q; leave one of the two out", name, in.mode))
		}
	}
	in.branch = cmp.Or(in.branch, pullBranch)
	wrong = append(wrong, in.mixed()...)
	if len(wrong) > 0 {
		return in, &app.UsageError{Err: errors.Join(wrong...)}
	}
	return in, nil
}

// mixed says which inputs do not go together: each means a site, one project, or
// all projects.
func (in inputs) mixed() []error {
	var wrong []error
	if in.project != "" && in.name != "" {
		wrong = append(wrong, errors.New("input name is a site's, and input project says that it is a project; leave one of the two out"))
	}
	if !in.projects {
		return wrong
	}
	if in.mode == modeRollback || in.mode == modePrune || in.mode == modePull {
		wrong = append(wrong, fmt.Errorf("input projects is for mode: deploy and mode: plan, and the mode is %s; name one project in the input project", in.mode))
	}
	for _, one := range []struct{ name, value string }{
		{"name", in.name}, {"project", in.project}, {"directory", in.directory}, {"config", in.config},
	} {
		if one.value != "" {
			wrong = append(wrong, fmt.Errorf("input projects means each project in its own folder, and input %s is of one; leave one of the two out", one.name))
		}
	}
	return wrong
}

// secrets are the values that no log, summary or output may show, wherever they
// came from. A secret of several lines is masked line by line, as the runner
// masks lines.
func secrets(a *githubactions.Action) []string {
	var out []string
	for _, s := range []string{
		a.GetInput("api-token"), a.GetInput("github-token"),
		a.Getenv("CLOUDFLARE_API_TOKEN"), a.Getenv("CF_API_TOKEN"), a.Getenv("CLOUDFLARE_API_KEY"), a.Getenv("CF_API_KEY"), a.Getenv("GITHUB_TOKEN"),
	} {
		for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if line = strings.TrimSpace(line); len(line) >= 4 { // a shorter one would only riddle the log
				out = append(out, line)
			}
		}
	}
	return out
}
