package github

import (
	"encoding/json"
	"io"
	"os"
)

// Event is the event that started a GitHub Actions job. GITHUB_EVENT_PATH names a JSON file with
// it. Event has only the fields that kv-sync uses.
//
// Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads
type Event struct {
	Action      string            `json:"action"`
	Repository  EventRepository   `json:"repository"`
	PullRequest *EventPullRequest `json:"pull_request"`
	WorkflowRun *EventWorkflowRun `json:"workflow_run"`
}

// EventPullRequest is the pull request of an event.
type EventPullRequest struct {
	Merged         bool   `json:"merged"`
	MergeCommitSHA string `json:"merge_commit_sha"`
	Head           struct {
		// Repo is nil if the repository was deleted.
		Repo *EventRepository `json:"repo"`
	} `json:"head"`
}

// EventWorkflowRun is the workflow run that a workflow_run event reports.
type EventWorkflowRun struct {
	// Event is the name of the event that started the reported run.
	Event   string `json:"event"`
	HeadSHA string `json:"head_sha"`
	// HeadRepository is nil if the repository was deleted.
	HeadRepository *EventRepository `json:"head_repository"`
}

// EventRepository is a repository of an event.
type EventRepository struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"`
}

// maxEvent is larger than any event, because GitHub limits payloads to 25 MB.
const maxEvent = 32 << 20

// ReadEvent reads the event of a job from its file.
func ReadEvent(file string) (Event, error) {
	f, err := os.Open(file)
	if err != nil {
		return Event{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	var e Event
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&e); err != nil {
		return Event{}, err
	}
	return e, nil
}

// Merged reports whether the event is the merge of a pull request.
func (e Event) Merged() bool {
	return e.PullRequest != nil && e.Action == "closed" && e.PullRequest.Merged
}
