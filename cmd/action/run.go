package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// run runs the Action and returns its exit code.
func run(ctx context.Context, getenv func(string) string, w io.Writer) int {
	a := githubactions.New(githubactions.WithGetenv(getenv), githubactions.WithWriter(w))
	c := newConsole(a, w, secrets(a))
	// The cache is not in HOME, which belongs to the runner: files of root would stay there.
	cache, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		text := fmt.Sprintf("make a folder for the cache: %v; set TMPDIR to another folder", err)
		c.annotate(levelError, "", 0, "kv-sync", text)
		return app.KindUnexpected.Code()
	}
	defer os.RemoveAll(cache)
	c.say("kv-sync %s", version)
	s, err := readStep(a, cache)
	if errors.Is(err, errNoSecret) && s.job.event == "pull_request" {
		c.annotate(levelWarning, "", 0, "kv-sync", err.Error())
		return 0
	}
	for _, w := range s.warnings {
		c.annotate(levelWarning, "", 0, "kv-sync", w)
	}
	do := s.onSite
	if s.projects {
		do = s.onProjects
	}
	rep, text := do(ctx, c, err)
	if err := appendSummary(c, text); err != nil {
		c.annotate(levelWarning, "", 0, "kv-sync", err.Error())
	}
	if rep.Error != nil {
		return rep.Error.Code
	}
	return 0
}

// step is a step of a workflow, with its job.
type step struct {
	inputs
	job   job
	cache string // the folder of the cache
	// shared are the resources that the projects share; nil for a single site.
	shared *app.Shared
	// options and byCommit are the results of waiversOf.
	options  plan.Options
	byCommit map[string]string
	warnings []string
}

// readStep reads the environment. With an error it also returns a step, which can report the
// error.
func readStep(a *githubactions.Action, cache string) (step, error) {
	in := readInputs(a)
	j, jobErr := readJob(a.Getenv)
	s := step{inputs: in, job: j, cache: cache}
	for _, err := range []error{j.allow(in), jobErr} { // refusals for security come before invalid inputs
		if err != nil {
			return s, err
		}
	}
	if err := s.checkRoot(); err != nil {
		return s, app.Inputs{Mistakes: s.wrong}.Report(err)
	}
	s.options, s.byCommit, s.warnings = waiversOf(in, j.event)
	if j.unmerged != "" && s.mode == modeDeploy {
		s.mode = modePlan
		s.warnings = append(s.warnings, "this is a plan, and nothing goes live: "+j.unmerged)
	}
	return s, nil
}

// report returns a new report of the step.
func (s step) report() *app.Report {
	return app.NewReport(advice.Workflow, s.mode, s.dryRun || s.mode == modePlan)
}
