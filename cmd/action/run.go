package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
)

// run is the Action: from the environment to the exit code.
func run(ctx context.Context, getenv func(string) string, w io.Writer) int {
	a := githubactions.New(githubactions.WithGetenv(getenv), githubactions.WithWriter(w))
	c := newConsole(a, w, secrets(a))
	// HOME is a folder of the runner's, where files of root's would stay behind.
	cache, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		c.annotate(levelError, "", 0, "kv-sync", fmt.Sprintf("make a folder for the cache: %v; TMPDIR names where", err))
		return app.KindUnexpected.Code()
	}
	defer os.RemoveAll(cache)
	c.say("kv-sync %s", version)
	s, err := readStep(a, cache)
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

// step is what the step of a workflow asks for, and where it runs.
type step struct {
	inputs
	job   job
	cache string // a folder
	// shared is what the projects have in common; nil is nothing.
	shared *app.Shared
}

// readStep reads the environment. The step is of use even with an error, to
// report it.
func readStep(a *githubactions.Action, cache string) (step, error) {
	in, inputErr := readInputs(a)
	j, jobErr := readJob(a.Getenv)
	s := step{inputs: in, job: j, cache: cache}
	for _, err := range []error{j.allow(in), jobErr, inputErr} { // trust comes first
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// report begins the report of what the step does.
func (s step) report() *app.Report {
	return app.NewReport(s.mode, s.dryRun || s.mode == modePlan)
}
