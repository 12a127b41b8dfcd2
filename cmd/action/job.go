package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/internal/options"
)

// job is the job that the step is part of.
type job struct {
	getenv     func(string) string
	workspace  string
	sha, actor string
	event      string
	// unmerged says why the code must not go live; "" if it may.
	unmerged string
	// fromFork is the other repository whose code is checked out, or "".
	fromFork string
}

// trusted are the events of runs whose output a workflow_run may deploy. Nobody outside the
// repository can cause them.
var trusted = []string{"push", "schedule", "workflow_dispatch"}

// readJob reads the environment and the event. If the event should say whose code is checked out
// but does not, the code counts as that of a fork.
func readJob(getenv func(string) string) (job, error) {
	j := job{
		workspace: getenv("GITHUB_WORKSPACE"), sha: getenv("GITHUB_SHA"),
		actor: getenv("GITHUB_ACTOR"), event: getenv("GITHUB_EVENT_NAME"),
	}
	j.getenv = j.confine(getenv)
	switch j.event {
	case "merge_group":
		j.unmerged = "a merge group is not merged yet"
		return j, nil
	case "pull_request", "workflow_run":
	case "pull_request_review", "pull_request_review_comment": // these check out the same code
	default:
		return j, nil
	}
	e, err := github.ReadEvent(getenv("GITHUB_EVENT_PATH"))
	if err != nil {
		return j, fmt.Errorf("read the event of the job, to see whose code this is: %w", err)
	}
	j.fromFork, j.unmerged = foreign(e), unmerged(e)
	return j, nil
}

// foreign returns the other repository whose code the job checks out, or "".
func foreign(e github.Event) string {
	var head *github.EventRepository
	switch {
	case e.Merged():
		return "" // the merged code belongs to this repository
	case e.PullRequest != nil:
		head = e.PullRequest.Head.Repo
	case e.WorkflowRun != nil:
		head = e.WorkflowRun.HeadRepository
	}
	switch {
	case head == nil || head.FullName == "":
		return "a repository that is gone"
	case !strings.EqualFold(head.FullName, e.Repository.FullName):
		return head.FullName
	}
	return ""
}

// unmerged says why the code must not go live; "" if it may.
func unmerged(e github.Event) string {
	switch {
	case e.Merged():
		return "" // deployed like a push of its merge commit
	case e.PullRequest != nil:
		return "a pull request is not merged yet"
	case e.WorkflowRun != nil && !slices.Contains(trusted, e.WorkflowRun.Event):
		return fmt.Sprintf("the run that this follows was started by %s, not by a push, a schedule or by hand",
			e.WorkflowRun.Event)
	}
	return ""
}

// confine returns an environment in which git does not search for a repository above the
// workspace, because the folders there belong to the runner.
func (j job) confine(getenv func(string) string) func(string) string {
	return func(name string) string {
		value := getenv(name)
		if name != "GIT_CEILING_DIRECTORIES" || j.workspace == "" {
			return value
		}
		above := filepath.Dir(filepath.Clean(j.workspace))
		if value == "" {
			return above
		}
		return above + string(filepath.ListSeparator) + value
	}
}

// errNoSecret ends a step that gets no token because of its event. For a pull request, the step
// then succeeds.
var errNoSecret = errors.New("there is no API token")

// allow refuses to use secrets with the code of other people, and to change the live site with
// code that is not merged. It allows a deploy of unmerged code, because readStep turns such a
// deploy into a plan.
func (j job) allow(in inputs) error {
	if j.event == "pull_request_target" {
		return &app.UsageError{
			Err: errors.New("pull_request_target gives this repository's secrets to code of other people, " +
				"so kv-sync does not run there"),
			Fix: "use on: push, or on: pull_request, where kv-sync plans",
		}
	}
	if j.fromFork != "" && j.event == "workflow_run" && in.mode != modePlan {
		return &app.UsageError{
			Err: fmt.Errorf("this workflow_run is of code from %s, which must not go live from here", j.fromFork),
			Fix: "deploy after the merge, with on: push",
		}
	}
	if j.unmerged != "" && in.mode != modeDeploy && in.mode != modePlan && !in.dryRun {
		return &app.UsageError{
			Err: fmt.Errorf("mode: %s changes what is live, and %s", in.mode, j.unmerged),
			Fix: "run it with on: push or on: workflow_dispatch",
		}
	}
	if in.text(options.Token) != "" || j.getenv("CLOUDFLARE_API_TOKEN") != "" {
		return nil
	}
	switch {
	case j.event == "pull_request":
		return fmt.Errorf("%w for this pull request: GitHub gives no secrets to forks and to Dependabot, "+
			"so kv-sync cannot plan it; it is planned once it is pushed to this repository", errNoSecret)
	case j.actor == "dependabot[bot]":
		return &app.UsageError{
			Err: fmt.Errorf("%w: Dependabot's runs get the secrets of Dependabot, not those of Actions", errNoSecret),
			Fix: "add CLOUDFLARE_API_TOKEN to the repository's Dependabot secrets, or deploy after the merge",
		}
	}
	return nil
}
