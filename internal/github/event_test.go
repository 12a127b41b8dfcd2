package github_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/github"
)

func TestReadEvent(t *testing.T) {
	merged := &github.EventPullRequest{Merged: true, MergeCommitSHA: "abc"}
	merged.Head.Repo = &github.EventRepository{ID: 7, FullName: "a/b"}
	for name, c := range map[string]struct {
		text   string
		want   github.Event
		merged bool
	}{
		"push": {`{"ref":"refs/heads/main","repository":{"id":7,"full_name":"a/b"}}`,
			github.Event{Repository: github.EventRepository{ID: 7, FullName: "a/b"}}, false},
		"merged": {`{"action":"closed","pull_request":{"merged":true,"merge_commit_sha":"abc",` +
			`"head":{"repo":{"id":7,"full_name":"a/b"}}}}`,
			github.Event{Action: "closed", PullRequest: merged}, true},
		"closed": {`{"action":"closed","pull_request":{"head":{"repo":null}}}`,
			github.Event{Action: "closed", PullRequest: &github.EventPullRequest{}}, false},
		"workflow_run": {`{"workflow_run":{"event":"push","head_sha":"abc","head_repository":null}}`,
			github.Event{WorkflowRun: &github.EventWorkflowRun{Event: "push", HeadSHA: "abc"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "event.json")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := github.ReadEvent(file)
			if d := cmp.Diff(c.want, e); d != "" || err != nil || e.Merged() != c.merged {
				t.Errorf("read %+v, %v, merged %v", e, err, e.Merged())
			}
		})
	}
}

func TestReadEventErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "event.json")
	if _, err := github.ReadEvent(file); err == nil {
		t.Error("no error for a missing file")
	}
	if err := os.WriteFile(file, []byte(`{"action":"closed"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := github.ReadEvent(file); err == nil || e.Action != "" {
		t.Errorf("truncated file: got %+v, %v", e, err)
	}
}
