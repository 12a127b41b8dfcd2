package clients_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// ask sends a request below the account, which must succeed, and returns the result.
func (p *project) ask(method, path, body string) string {
	p.Helper()
	url := p.BaseURL + "/accounts/" + p.AccountID + path
	req, err := http.NewRequestWithContext(p.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Success bool
		Errors  json.RawMessage
		Result  json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !answer.Success {
		p.Fatalf("%s %s: %v %s", method, path, err, answer.Errors)
	}
	return string(answer.Result)
}

// contains checks that a text has all parts.
func (p *project) contains(what, text string, parts ...string) {
	p.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			p.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// A deploy with triggers works, and the platform records them. The triggers of a later deploy
// replace them.
func TestWranglerDeploysTriggers(t *testing.T) {
	t.Parallel()
	p := startProject(t)
	p.ask("POST", "/queues", `{"queue_name":"jobs"}`)
	p.configure(`,"triggers":{"crons":["*/5 * * * *","0 9 * * mon"]},
		"routes":[{"pattern":"example.com/api/*","zone_name":"example.com"},"*.example.org/*",
			{"pattern":"shop.example.com","custom_domain":true}],
		"queues":{"consumers":[{"queue":"jobs","max_batch_size":5}]}`)
	p.contains("the deploy", p.must("deploy"), "schedule: */5 * * * *", "example.com/api/*", "*.example.org/*",
		"shop.example.com (custom domain)", "Consumer for jobs")
	p.contains("the schedules", p.ask("GET", "/workers/scripts/site/schedules", ""), `"*/5 * * * *"`, `"0 9 * * mon"`)
	p.contains("the domains", p.ask("GET", "/workers/domains", ""), `"hostname":"shop.example.com"`, `"service":"site"`,
		`"zone_name":"example.com"`)
	p.contains("the queues", p.ask("GET", "/queues", ""), `"script":"site"`, `"batch_size":5`)

	p.configure(`,"triggers":{"crons":["1 1 * * *"]},
		"routes":[{"pattern":"www.example.com","custom_domain":true}],"workers_dev":true`)
	p.must("triggers", "deploy")
	if got := p.ask("GET", "/workers/scripts/site/schedules", ""); strings.Contains(got, "*/5") ||
		!strings.Contains(got, "1 1 * * *") {
		t.Errorf("schedules: %s", got)
	}
	if got := p.ask("GET", "/workers/domains", ""); strings.Contains(got, "shop") ||
		!strings.Contains(got, "www.example.com") {
		t.Errorf("domains: %s", got)
	}
}

// A deploy creates the resources that it binds without an id, and finds them the next time.
func TestWranglerProvisionsResources(t *testing.T) {
	t.Parallel()
	p := startProject(t)
	p.configure(`,"kv_namespaces":[{"binding":"CACHE"}],"d1_databases":[{"binding":"DB"}],
		"r2_buckets":[{"binding":"FILES","bucket_name":"files"}],"queues":{"producers":[{"binding":"JOBS","queue":"jobs"}]}`)
	p.contains("the first deploy", p.must("deploy"), "CACHE provisioned", "DB provisioned", "FILES provisioned",
		"JOBS provisioned")
	if out := p.must("deploy"); strings.Contains(out, "provisioned") {
		t.Errorf("the second deploy:\n%s", out)
	}
	p.contains("the buckets", p.ask("GET", "/r2/buckets", ""), `"name":"files"`)
	p.contains("the databases", p.ask("GET", "/d1/database", ""), `"name":"site-db"`)
	p.contains("the queues", p.ask("GET", "/queues", ""), `"queue_name":"jobs"`, `"producers_total_count":1`)
}
