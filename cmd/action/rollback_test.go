package main

import "testing"

// GitHub's "Re-run jobs" repeats a run under its id, on a machine without a cache.
func TestRollbackIsRunAgain(t *testing.T) {
	r := newRunner(t)
	r.depth = 3
	var last string
	for _, page := range []string{"one", "two", "three"} {
		last = r.push(map[string][]byte{"public/index.html": []byte(page)})
		r.job(last, nil, nil).want(t, 0, "")
	}
	with := map[string]string{"mode": "rollback"}
	env := map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_RUN_ID": "8123456789"}
	first := r.job(last, with, env)
	first.want(t, 0, "is back at deployment")
	first.want(t, 0, "Commit "+last[:12]+" is held back")
	again := r.job(last, with, env)
	again.want(t, 0, "start a new run of the workflow")
	if page := r.get("/"); page != "two" || again.outputs["deployment-id"] != first.outputs["deployment-id"] {
		t.Errorf("the site answers %q, the outputs are %v", page, again.outputs)
	}
	env["GITHUB_RUN_ID"] = "8123456790"
	r.job(last, with, env)
	if page := r.get("/"); page != "one" {
		t.Errorf("after a rollback of another run the site answers %q", page)
	}
}
