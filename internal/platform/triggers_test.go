package platform_test

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// zone returns the id of a zone, as clients find it by name.
func (c *client) zone(name string) string {
	c.t.Helper()
	var zones []struct{ ID, Name string }
	c.want("GET", "/../../zones?name="+name, "", &zones)
	if len(zones) != 1 || zones[0].Name != name {
		c.t.Fatalf("zones named %s: %v", name, zones)
	}
	return zones[0].ID
}

// A zone exists for each name that somebody could register, and for no other name.
func TestZones(t *testing.T) {
	t.Parallel()
	c := start(t)
	if c.zone("example.com") == c.zone("example.co.uk") {
		t.Error("two zones have the same id")
	}
	for _, name := range []string{"www.example.com", "co.uk", "com", "localhost"} {
		var zones []any
		if c.want("GET", "/../../zones?name="+name, "", &zones); len(zones) != 0 {
			t.Errorf("a zone is named %s", name)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("site", metadata(""), respondWith(""))
	c.put("other", metadata(""), respondWith(""))
	c.want("PUT", "/workers/scripts/site/routes", `[{"pattern":"example.com/*"},{"pattern":"*.example.com/a"}]`, nil)
	routes := "/../../zones/" + c.zone("example.com") + "/workers/routes"
	var list []struct{ ID, Pattern, Script string }
	if c.want("GET", routes, "", &list); len(list) != 2 || list[0].Script != "site" {
		t.Errorf("routes: %+v", list)
	}
	// A route belongs to one script.
	c.refused("PUT", "/workers/scripts/other/routes", `[{"pattern":"example.org/*"},{"pattern":"example.com/*"}]`, 409,
		10020)
	c.refused("POST", routes, `{"pattern":"example.com/*","script":"other"}`, 409, 10020)
	c.refused("PUT", routes+"/"+list[1].ID, `{"pattern":"example.com/*","script":"site"}`, 409, 10020)
	c.refused("POST", routes, `{"pattern":"example.com/b","script":"nowhere"}`, 404, 10007)
	c.refused("PUT", "/workers/scripts/other/routes", `[{"pattern":"/*"}]`, 400, 10022)
	c.refused("PUT", "/workers/scripts/nowhere/routes", `[]`, 404, 10007)
	if c.want("GET", "/../../zones/"+c.zone("example.org")+"/workers/routes", "", &list); len(list) != 0 {
		t.Errorf("a refused request left %+v", list)
	}
	// The routes of a script are replaced.
	c.want("PUT", "/workers/scripts/site/routes", `[]`, nil)
	c.want("PUT", "/workers/scripts/other/routes", `[{"pattern":"example.com/*"}]`, nil)
}

func TestCustomDomains(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("site", metadata(""), respondWith(""))
	c.put("other", metadata(""), respondWith(""))
	put := func(script, host string) string {
		return `{"override_existing_origin":` + map[bool]string{true: "true", false: "false"}[script == "other"] +
			`,"origins":[{"hostname":"` + host + `"}]}`
	}
	c.want("PUT", "/workers/scripts/site/domains/records", put("site", "a.example.com"), nil)
	var changes struct {
		Added, Updated, Removed []struct{ Hostname, Service, ID string }
	}
	c.want("POST", "/workers/scripts/other/domains/changeset?replace_state=true",
		`[{"hostname":"a.example.com"},{"hostname":"b.example.com"}]`, &changes)
	if len(changes.Added) != 1 || len(changes.Updated) != 1 || changes.Added[0].Hostname != "b.example.com" {
		t.Fatalf("changes: %+v", changes)
	}
	var current struct{ Service string }
	if c.want("GET", "/workers/domains/records/"+changes.Updated[0].ID, "", &current); current.Service != "site" {
		t.Errorf("the domain belongs to %s", current.Service)
	}
	// A domain of another script is taken only on request, and keeps its id.
	c.refused("PUT", "/workers/scripts/other/domains/records", put("site", "a.example.com"), 409, 100117)
	c.want("PUT", "/workers/scripts/other/domains/records", put("other", "a.example.com"), nil)
	if c.want("GET", "/workers/domains/"+changes.Updated[0].ID, "", &current); current.Service != "other" {
		t.Errorf("the domain belongs to %s", current.Service)
	}
	c.want("PUT", "/workers/domains", `{"hostname":"c.example.com","service":"site"}`, nil)
	c.refused("PUT", "/workers/domains", `{"hostname":"c.example.com","service":"nowhere"}`, 404, 10007)
	c.refused("GET", "/workers/domains/0", "", 404, 100114)
	c.want("PUT", "/workers/scripts/other/domains/records", `{"origins":[]}`, nil)
	if got := c.do("GET", "/workers/domains", "").Raw; strings.Contains(got, "a.example") ||
		!strings.Contains(got, "c.example") {
		t.Errorf("domains: %s", got)
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("site", metadata(""), respondWith(""))
	const schedules = "/workers/scripts/site/schedules"
	c.want("PUT", schedules, `[{"cron":"0 9 * * mon-fri"},{"cron":"*/5 * L * *"}]`, nil)
	for _, cron := range []string{"", "* * * *", "* * * * * *", "every day at nine o'clock"} {
		c.refused("PUT", schedules, `[{"cron":"`+cron+`"}]`, 400, 10100)
	}
	c.refused("PUT", "/workers/scripts/nowhere/schedules", `[]`, 404, 10007)
	var got struct{ Schedules []struct{ Cron string } }
	if c.want("GET", schedules, "", &got); len(got.Schedules) != 2 {
		t.Errorf("schedules: %+v", got)
	}
}

// The triggers of a script are deleted with it, so a later script of the same name has none. The
// triggers of other scripts stay, also after a restart.
func TestTriggersOfADeletedScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := start(t, func(o *platform.Options) { o.Dir = dir })
	var queue struct {
		ID string `json:"queue_id"`
	}
	c.want("POST", "/queues", `{"queue_name":"jobs"}`, &queue)
	for _, name := range []string{"site", "other"} {
		c.put(name, metadata(""), respondWith(""))
		c.want("PUT", "/workers/scripts/"+name+"/schedules", `[{"cron":"* * * * *"}]`, nil)
		c.want("PUT", "/workers/scripts/"+name+"/routes", `[{"pattern":"`+name+`.com/*"}]`, nil)
		c.want("PUT", "/workers/domains", `{"hostname":"`+name+`.org","service":"`+name+`"}`, nil)
	}
	c.want("POST", "/queues/"+queue.ID+"/consumers", `{"type":"worker","script_name":"site"}`, nil)
	c.want("DELETE", "/workers/scripts/site", "", nil)
	c.put("site", metadata(""), respondWith(""))
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, func(o *platform.Options) { o.Dir = dir })
	zone := func(name string) string { return "/../../zones/" + c.zone(name) + "/workers/routes" }
	for path, want := range map[string]string{
		"/workers/scripts/site/schedules":  "",
		"/workers/scripts/other/schedules": "* * * * *",
		zone("site.com"):                   "",
		zone("other.com"):                  "other.com/*",
		"/workers/domains?service=site":    "",
		"/workers/domains?service=other":   "other.org",
		"/queues/" + queue.ID:              `"consumers_total_count":0`,
	} {
		got := string(c.do("GET", path, "").Result)
		if !strings.Contains(got, want) || want == "" && !strings.Contains(got, "[]") {
			t.Errorf("%s: %s, want %q", path, got, want)
		}
	}
}
