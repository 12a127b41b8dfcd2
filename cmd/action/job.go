package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kv-sync/kv-sync/internal/app"
)

// job is what the runner says about the job that the step is part of.
type job struct {
	getenv          func(string) string
	workspace       string
	sha, actor      string
	event, fromFork string // fromFork names the foreign repository whose code this is, or is ""
}

// payload is the part of the event that says whose code this is.
type payload struct {
	Repository  repository `json:"repository"`
	PullRequest *struct {
		Head struct {
			Repo *repository `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	WorkflowRun *struct {
		HeadRepository *repository `json:"head_repository"`
	} `json:"workflow_run"`
}

type repository struct {
	FullName string `json:"full_name"`
}

const maxPayload = 32 << 20

// readJob reads the environment and the event. Where the event should say whose
// code this is and does not, it is a fork's.
func readJob(getenv func(string) string) (job, error) {
	j := job{
		getenv: getenv, workspace: getenv("GITHUB_WORKSPACE"), sha: getenv("GITHUB_SHA"),
		actor: getenv("GITHUB_ACTOR"), event: getenv("GITHUB_EVENT_NAME"),
	}
	if j.event != "pull_request" && j.event != "workflow_run" {
		return j, nil
	}
	var p payload
	if err := readJSON(getenv("GITHUB_EVENT_PATH"), &p); err != nil {
		return j, fmt.Errorf("read the event of the job, to see whose code this is: %w", err)
	}
	var head *repository
	if p.PullRequest != nil {
		head = p.PullRequest.Head.Repo
	} else if p.WorkflowRun != nil {
		head = p.WorkflowRun.HeadRepository
	}
	switch {
	case head == nil || head.FullName == "":
		j.fromFork = "a repository that is gone"
	case head.FullName != p.Repository.FullName:
		j.fromFork = head.FullName
	}
	return j, nil
}

func readJSON(name string, into any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(io.LimitReader(f, maxPayload)).Decode(into)
}

// allow refuses to work with secrets on code that strangers wrote.
func (j job) allow(in inputs) error {
	if j.event == "pull_request_target" {
		return &app.UsageError{
			Err: errors.New("pull_request_target gives this repository's secrets to code of strangers, so kv-sync does not run there"),
			Fix: "use on: push, or on: pull_request with mode: plan",
		}
	}
	if j.fromFork == "" {
		return nil
	}
	if in.mode != modePlan {
		return &app.UsageError{
			Err: fmt.Errorf("this %s is of code from %s, which must not go live from here", j.event, j.fromFork),
			Fix: "use mode: plan for it, or deploy after the merge with on: push",
		}
	}
	if in.apiToken == "" && j.getenv("CLOUDFLARE_API_TOKEN") == "" {
		return &app.UsageError{
			Err: fmt.Errorf("this pull request comes from %s, and GitHub gives secrets to no fork, so there is no API token to compare it with the live site", j.fromFork),
			Fix: "skip the step for forks: if: github.event.pull_request.head.repo.full_name == github.repository",
		}
	}
	return nil
}
