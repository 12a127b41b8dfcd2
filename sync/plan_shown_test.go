package kvsync_test

import (
	"encoding/json"
	"testing"

	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// A plan that was shown does not change while it is carried out. The upload computes hashes, and
// with them the id of the source, which the plan does not have.
func TestAShownPlanDoesNotChange(t *testing.T) {
	t.Parallel()
	w := start(t)
	var shown *plan.Plan
	var before string
	w.config.Progress = func(p site.Progress) {
		if p.Plan != nil {
			shown, before = p.Plan, text(t, p.Plan)
		}
	}
	res := w.mustDeploy(&memory{files: files{"/a.txt": "same", "/b.txt": "same"}})
	if after := text(t, shown); after != before {
		t.Errorf("the plan was\n%s\nand is now\n%s", before, after)
	}
	if res.Plan == shown || res.Plan.Origin.ID == "" || res.Plan.Blobs != 1 {
		t.Errorf("the result's plan is not complete: %+v", res.Plan)
	}
}

func text(t *testing.T, p *plan.Plan) string {
	t.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
