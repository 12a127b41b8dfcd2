package github

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// An event is what encoding/json reads of it, and a merge is one that was closed and merged.
func FuzzReadEvent(f *testing.F) {
	for _, seed := range []string{
		`{"action":"closed","pull_request":{"merged":true,"merge_commit_sha":"a","head":{"repo":null}}}`,
		`{"workflow_run":{"event":"push","head_sha":"a","head_repository":{"id":1,"full_name":"a/b"}}}`, `{}`, `null`,
		`{"repository":{"id":1e3}}`, `{"pull_request":7}`} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(f.TempDir(), "event.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := ReadEvent(file)
		if err != nil {
			return
		}
		if e.Merged() && (e.Action != "closed" || !e.PullRequest.Merged) {
			t.Errorf("%s is a merge", b)
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, again, 0o600); err != nil {
			t.Fatal(err)
		}
		back, err := ReadEvent(file)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _ := json.Marshal(back); string(twice) != string(again) {
			t.Errorf("%s is read again as %s", again, twice)
		}
	})
}
