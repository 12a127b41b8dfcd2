package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
)

// job is what the runner says about the job that the step is part of.
type job struct {
	getenv     func(string) string
	workspace  string
	sha, actor string
	event      string
	// unmerged says why this is no code that may go live, or is "".
	unmerged string
	// fromFork names the foreign repository whose code this is, or is "".
	fromFork string
}

// payload is the part of the event that says whose code this is, and whether it
// was merged.
type payload struct {
	Action      string     `json:"action"`
	Repository  repository `json:"repository"`
	PullRequest *struct {
		Merged bool `json:"merged"`
		Head   struct {
			Repo *repository `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	WorkflowRun *struct {
		Event          string      `json:"event"`
		HeadRepository *repository `json:"head_repository"`
	} `json:"workflow_run"`
}

type repository struct {
	FullName string `json:"full_name"`
}

const maxPayload = 32 << 20

// trusted are the events of a run that made what a workflow_run deploys: nobody
// outside the repository can bring them about.
var trusted = []string{"push", "schedule", "workflow_dispatch"}

// readJob reads the environment and the event. Where the event should say whose
// code this is and does not, it is a fork's.
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
	case "pull_request_review", "pull_request_review_comment": // they check out its code, too
	default:
		return j, nil
	}
	var p payload
	if err := readJSON(getenv("GITHUB_EVENT_PATH"), &p); err != nil {
		return j, fmt.Errorf("read the event of the job, to see whose code this is: %w", err)
	}
	j.fromFork, j.unmerged = p.fork(), p.unmerged()
	return j, nil
}

// fork names the foreign repository whose code this is, or is "".
func (p payload) fork() string {
	var head *repository
	switch {
	case p.PullRequest != nil && p.Action == "closed" && p.PullRequest.Merged:
		return "" // it is this repository's by now
	case p.PullRequest != nil:
		head = p.PullRequest.Head.Repo
	case p.WorkflowRun != nil:
		head = p.WorkflowRun.HeadRepository
	}
	switch {
	case head == nil || head.FullName == "":
		return "a repository that is gone"
	case !strings.EqualFold(head.FullName, p.Repository.FullName):
		return head.FullName
	}
	return ""
}

// unmerged says why this is no code that may go live, or is "".
func (p payload) unmerged() string {
	switch {
	case p.PullRequest != nil && p.Action == "closed" && p.PullRequest.Merged:
		return "" // as a push of its merge commit
	case p.PullRequest != nil:
		return "a pull request is not merged yet"
	case p.WorkflowRun != nil && !slices.Contains(trusted, p.WorkflowRun.Event):
		return fmt.Sprintf("the run that this follows was started by %s, not by a push, a schedule or by hand", p.WorkflowRun.Event)
	}
	return ""
}

// confine has git look for no repository above the workspace: what lies there
// is the runner's.
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

func readJSON(name string, into any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(io.LimitReader(f, maxPayload)).Decode(into)
}

// errNoSecret ends a step that has no token because of what started the job. It
// is no failure.
var errNoSecret = errors.New("there is no API token")

// allow refuses to work with secrets on code that strangers wrote, and to change
// what is live with code that was not merged. A deploy of the latter becomes a
// plan: see [step.plansOnly].
func (j job) allow(in inputs) error {
	if j.event == "pull_request_target" {
		return &app.UsageError{
			Err: errors.New("pull_request_target gives this repository's secrets to code of strangers, so kv-sync does not run there"),
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
	if in.apiToken != "" || j.getenv("CLOUDFLARE_API_TOKEN") != "" {
		return nil
	}
	switch {
	case j.event == "pull_request":
		return fmt.Errorf("%w for this pull request: GitHub gives no secrets to forks and to Dependabot, so there is nothing to compare with; it is planned once it is pushed to this repository", errNoSecret)
	case j.actor == "dependabot[bot]":
		return &app.UsageError{
			Err: fmt.Errorf("%w: Dependabot's runs get the secrets of Dependabot, not those of Actions", errNoSecret),
			Fix: "add CLOUDFLARE_API_TOKEN to the repository's Dependabot secrets, or deploy after the merge",
		}
	}
	return nil
}
