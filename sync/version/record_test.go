package version

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// The records of deployments have together whatever the API listed once: also what was
// switched to at the same moment as the deployment that is live.
func TestPastOf(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 12, 1, 8, minute, 0, 0, time.UTC) }
	made := func(minute int) string { return manifest.DeploymentID(manifest.NewNonce(at(minute))) }
	list := func(minutes ...int) (out []cloud.Activation) {
		for _, m := range minutes {
			out = append(out, cloud.Activation{ID: at(m).String(), Created: at(m), Message: "of " + at(m).String(),
				Versions: []cloud.Share{{Version: "v", Percent: 100}}})
		}
		return out
	}
	for name, tt := range map[string]struct {
		live Live
		want int // how many of the activations
	}{
		"nothing is live":                     {Live{}, 0},
		"the one before":                      {Live{Meta: &Meta{Deployment: made(30)}, Activations: list(31, 21, 11)}, 1},
		"one of the same moment":              {Live{Meta: &Meta{Deployment: made(30)}, Activations: list(33, 31, 21)}, 2},
		"a rollback":                          {Live{Meta: &Meta{Deployment: made(10)}, Activations: list(41, 31, 11, 1)}, 3},
		"another tool's":                      {Live{Activations: list(31, 21, 11)}, 3},
		"made by a machine with a fast clock": {Live{Meta: &Meta{Deployment: made(50)}, Activations: list(31, 21)}, 1},
	} {
		b, err := json.Marshal(PastOf(&tt.live))
		if err != nil {
			t.Fatal(err)
		}
		var kept []Activated
		if err := json.Unmarshal(b, &kept); err != nil {
			t.Fatal(err)
		}
		var got []cloud.Activation
		for _, a := range kept {
			got = append(got, a.Activation())
		}
		if !slices.EqualFunc(got, tt.live.Activations[:tt.want], func(a, b cloud.Activation) bool {
			return a.ID == b.ID && a.Created.Equal(b.Created) && a.Message == b.Message && slices.Equal(a.Versions, b.Versions)
		}) {
			t.Errorf("%s: %s", name, b)
		}
	}
}
