package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/kv-sync/kv-sync/internal/app"
)

// publish sets the step's outputs. An error ends the run, because the next steps need the outputs.
func publish(c *console, r *app.Report, planJSON func() (string, error)) error {
	if c.a.Getenv("GITHUB_OUTPUT") == "" {
		return nil // not in a workflow
	}
	plan, err := planJSON()
	if err != nil {
		return err
	}
	pulled := pullOutputs(r)
	for _, o := range []struct{ name, value string }{
		{"deployment-id", r.Deployment},
		{"version-id", r.VersionID},
		{"previous-version-id", r.PreviousVersionID},
		{"deployment-url", r.URL},
		{"uploaded", strconv.Itoa(r.Uploaded)},
		{"unchanged", strconv.Itoa(r.Unchanged)},
		{"pruned", strconv.Itoa(r.Pruned)},
		{"plan-json", plan},
		{"changed", pulled.changed},
		{"branch", pulled.branch},
		{"commit", pulled.commit},
		{"pulled", pulled.pulled},
		{"conflicts", pulled.conflicts},
	} {
		if err := output(c, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

// output sets one output. It refuses a value with a line break, because such a value could
// contain the line with which the library separates outputs.
func output(c *console, name, value string) error {
	if strings.ContainsAny(value, "\r\n") {
		return fmt.Errorf("set output %s: the value has a line break", name)
	}
	return writing(func(a *githubactions.Action) { a.SetOutput(name, c.hide.Replace(value)) }, c.a, "set output "+name)
}

// writing calls f, and turns a panic of the library about a file into an error.
func writing(f func(*githubactions.Action), a *githubactions.Action, what string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", what, p)
		}
	}()
	f(a)
	return nil
}

// appendSummary adds to the job's summary.
func appendSummary(c *console, text string) error {
	file := c.a.Getenv("GITHUB_STEP_SUMMARY")
	if file == "" {
		return nil // not in a workflow
	}
	if st, err := os.Stat(file); err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && !st.Mode().IsRegular() {
		return errors.New("write the job summary: GITHUB_STEP_SUMMARY is not a file")
	}
	return writing(func(a *githubactions.Action) { a.AddStepSummary(c.hide.Replace(text)) }, c.a, "write the job summary")
}
