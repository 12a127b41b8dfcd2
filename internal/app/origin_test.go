package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// A clone of another repository than that of the job does not get the id of the job's repository.
func TestRepositoryNamed(t *testing.T) {
	job := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "Ada/Tides", "GITHUB_REPOSITORY_ID": "7"}
	for name, tt := range map[string]struct {
		remotes  []string
		env      map[string]string
		want, id string
	}{
		"the job's":        {[]string{"github.com/ada/tides"}, job, "github.com/ada/tides", "7"},
		"without a remote": {nil, job, "github.com/ada/tides", "7"},
		"another's":        {[]string{"github.com/bob/other"}, job, "github.com/bob/other", ""},
		"no job":           {[]string{"github.com/ada/tides", "github.com/up/tides"}, nil, "github.com/ada/tides", ""},
		"nothing":          {nil, nil, "", ""},
		"only a variable":  {nil, map[string]string{"GITHUB_REPOSITORY": "ada/tides"}, "", ""},
		"an enterprise server": {nil, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b",
			"GITHUB_SERVER_URL": "https://git.corp.example"}, "git.corp.example/a/b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := repositoryNamed(tt.remotes, env(tt.env)); got.Name != tt.want || got.ID != tt.id {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestEventOrigin(t *testing.T) {
	sha, head := strings.Repeat("a", 40), strings.Repeat("b", 40)
	event := func(text string) string {
		file := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	job := func(more map[string]string) map[string]string {
		vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "ada/tides", "GITHUB_REPOSITORY_ID": "7",
			"GITHUB_SHA": sha, "GITHUB_EVENT_NAME": "push"}
		for name, value := range more {
			vars[name] = value
		}
		return vars
	}
	for name, tt := range map[string]struct {
		env                    map[string]string
		commit, repository, id string
	}{
		"a push": {job(nil), sha, "github.com/ada/tides", "7"},
		"a run": {job(map[string]string{"GITHUB_EVENT_NAME": "workflow_run",
			"GITHUB_EVENT_PATH": event(`{"workflow_run":{"head_sha":"` + head +
				`","head_repository":{"id":9,"full_name":"Bob/Tides"}}}`)}), head, "github.com/bob/tides", "9"},
		"a run whose event cannot be read": {job(map[string]string{"GITHUB_EVENT_NAME": "workflow_run",
			"GITHUB_EVENT_PATH": "/nonexistent"}), "", "", ""},
		"a merged pull request": {job(map[string]string{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": event(
			`{"pull_request":{"merge_commit_sha":"` + head + `"}}`)}), head, "github.com/ada/tides", "7"},
		"no id":  {job(map[string]string{"GITHUB_SHA": "main"}), "", "", ""},
		"no job": {map[string]string{"GITHUB_SHA": sha}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := eventOrigin(env(tt.env)); got.Commit != tt.commit || got.Repository.Name != tt.repository ||
				got.Repository.ID != tt.id {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// If GitHub has the new commit but not the live one, the live one was never pushed, and the two
// have diverged.
func TestUnpushedLiveCommit(t *testing.T) {
	dir, ids := shallow(t, 1)
	laptop := strings.Repeat("d", 40)
	for name, tt := range map[string]struct {
		known map[string]bool
		want  manifest.Relation
	}{
		"the live one is unknown": {map[string]bool{ids[0]: true}, manifest.RelationDiverged},
		"the new one is, too":     {nil, manifest.RelationUnknown},
		"the new one is unknown":  {map[string]bool{laptop: true}, manifest.RelationUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, commit, _ := strings.Cut(r.URL.Path, "/git/commits/")
				if !tt.known[commit] {
					w.WriteHeader(http.StatusNotFound)
				}
			}))
			defer server.Close()
			gh, err := github.New(server.URL, "ada/tides", "ghs_token")
			if err != nil {
				t.Fatal(err)
			}
			if rel, err := orderedIn(t, dir, gh).Compare(t.Context(), laptop, ids[0]); err != nil || rel != tt.want {
				t.Errorf("got %v, %v", rel, err)
			}
		})
	}
}
