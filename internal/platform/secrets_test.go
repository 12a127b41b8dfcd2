package platform_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// form sends a multipart form with one part.
func (c *client) form(method, path, name, content string) *answer {
	c.t.Helper()
	body := "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n--b--\r\n"
	a, err := c.try(method, path, "multipart/form-data; boundary=b", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// versions returns the ids of the versions of a script, the newest first.
func (c *client) versions(script string) []string {
	c.t.Helper()
	var list struct{ Items []struct{ ID string } }
	c.want("GET", "/workers/scripts/"+script+"/versions", "", &list)
	ids := []string{}
	for _, v := range list.Items {
		ids = append(ids, v.ID)
	}
	return ids
}

// secretNames returns the names that the list of secrets has.
func (c *client) secretNames(script string) []string {
	c.t.Helper()
	var list []struct{ Name string }
	c.want("GET", "/workers/scripts/"+script+"/secrets", "", &list)
	names := []string{}
	for _, s := range list {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// A change of secrets or settings makes a version with the code of the newest version. If the newest
// version is not deployed, the change is refused. So no code goes live that nobody deployed.
func TestChangesNeverDeployAnUndeployedVersion(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(c *client){
		"a newer version was uploaded": func(c *client) { c.version("s", metadata(""), respondWith("new")) },
		"after a rollback": func(c *client) {
			c.put("s", metadata(`,"bindings":[{"name":"OLD","type":"secret_text","text":"x"}]`), respondWith("new"))
			c.want("POST", "/workers/scripts/s/deployments?force=true", fmt.Sprintf(
				`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100}]}`, c.versions("s")[1]), nil)
		},
		"in a split deployment": func(c *client) {
			c.version("s", metadata(""), respondWith("new"))
			ids := c.versions("s")
			c.want("POST", "/workers/scripts/s/deployments", fmt.Sprintf(
				`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":0},{"version_id":%q,"percentage":100}]}`,
				ids[0], ids[1]), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.put("s", metadata(`,"bindings":[{"name":"OLD","type":"secret_text","text":"x"}]`), respondWith("deployed"))
			prepare(c)
			before := c.versions("s")
			c.refused("PUT", "/workers/scripts/s/secrets", `{"name":"N","text":"v","type":"secret_text"}`, 400, 10215)
			c.refused("DELETE", "/workers/scripts/s/secrets/OLD", "", 400, 10215)
			c.refused("PATCH", "/workers/scripts/s/secrets-bulk", `{"secrets":{"N":{"text":"v"}}}`, 400, 10215)
			a := c.form("PATCH", "/workers/scripts/s/settings", "settings", `{"compatibility_date":"2026-10-01"}`)
			if a.code() != 10214 {
				t.Errorf("settings: %s", a.Raw)
			}
			c.wantBody("s", "/", "deployed")
			if after := c.versions("s"); !slices.Equal(before, after) {
				t.Errorf("versions: %v, then %v", before, after)
			}

			c.want("POST", "/workers/scripts/s/deployments?force=true", fmt.Sprintf(
				`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100}]}`, before[0]), nil)
			c.want("PUT", "/workers/scripts/s/secrets", `{"name":"N","text":"v","type":"secret_text"}`, nil)
			if a := c.form("PATCH", "/workers/scripts/s/settings", "settings",
				`{"compatibility_date":"2026-10-01"}`); !a.Success {
				t.Errorf("settings: %s", a.Raw)
			}
			c.wantBody("s", "/", "new")
		})
	}
}

// env is a Worker that answers with the texts in its env.
var env = part{"main.mjs", esm, `export default { fetch(r, env) { return new Response(` +
	`["A", "B", "C", "V"].filter((name) => env[name]).map((name) => name + env[name]).join()) } }`}

func TestBulkOfSecrets(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("s", metadata(`,"bindings":[{"name":"V","type":"plain_text","text":"0"},`+
		`{"name":"A","type":"secret_text","text":"1"}]`), env)
	var set map[string]map[string]any
	c.want("PATCH", "/workers/scripts/s/secrets-bulk",
		`{"secrets":{"A":null,"B":{"name":"B","text":"2","type":"secret_text"},"C":{"text":"3"},"NONE":null}}`, &set)
	if names := slices.Sorted(maps.Keys(set)); !slices.Equal(names, []string{"B", "C"}) ||
		set["B"]["type"] != "secret_text" || set["B"]["text"] != nil {
		t.Errorf("the answer: %v", set)
	}
	c.wantBody("s", "/", "B2,C3,V0")

	// If one secret is invalid, none is set. A variable is never replaced.
	c.refused("PATCH", "/workers/scripts/s/secrets-bulk", `{"secrets":{"B":{"text":"9"},"V":{"text":"9"}}}`, 400, 10053)
	c.refused("PUT", "/workers/scripts/s/secrets", `{"name":"V","text":"9"}`, 400, 10053)
	c.refused("PATCH", "/workers/scripts/s/secrets-bulk", `{"secrets":{"B":{"name":"B"}}}`, 400, 10021)
	c.refused("PUT", "/workers/scripts/s/secrets", `{"name":"D"}`, 400, 10021)
	c.refused("DELETE", "/workers/scripts/s/secrets/V", "", 404, 10056)
	c.refused("GET", "/workers/scripts/s/secrets/V", "", 404, 10056)
	c.want("GET", "/workers/scripts/s/secrets/B", "", nil)
	c.wantBody("s", "/", "B2,C3,V0")
}

// The secrets of a version that is not deployed yet can be changed without a deployment.
func TestSecretsOfTheLatestVersion(t *testing.T) {
	t.Parallel()
	c := start(t)
	const latest = "/workers/workers/s/versions/latest"
	c.refused("PATCH", latest, `{"env":{"A":{"type":"secret_text","text":"1"}}}`, 404, 10222)
	c.put("s", metadata(`,"bindings":[{"name":"V","type":"plain_text","text":"0"}]`), env)
	var v struct {
		ID          string
		Number      int
		Annotations map[string]string
	}
	c.want("PATCH", latest, `{"env":{"A":{"type":"secret_text","text":"1"},"B":{"type":"secret_text","text":"2"}},`+
		`"annotations":{"workers/message":"two secrets"}}`, &v)
	c.wantBody("s", "/", "V0")
	c.want("PATCH", latest, `{"env":{"A":null,"NONE":null,"C":{"type":"plain_text","text":"3"}}}`, &v)
	c.refused("PATCH", latest, `{"env":{"V":{"type":"secret_text","text":"9"}}}`, 400, 10053)
	if ids := c.versions("s"); len(ids) != 3 || ids[0] != v.ID || v.Number != 3 {
		t.Errorf("the newest of %v is not %+v", ids, v)
	}
	c.deploy("s", v.ID)
	c.wantBody("s", "/", "B2,C3,V0")
	if names := c.secretNames("s"); !slices.Equal(names, []string{"B"}) {
		t.Errorf("secrets: %v", names)
	}
}

// The refusal of a rollback names the secrets that have changed since: new, changed and deleted ones.
func TestRollbackNamesTheChangedSecrets(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("s", metadata(`,"bindings":[{"name":"SAME","type":"secret_text","text":"1"},`+
		`{"name":"GONE","type":"secret_text","text":"2"},{"name":"OTHER","type":"secret_text","text":"3"}]`), env)
	c.want("PATCH", "/workers/scripts/s/secrets-bulk",
		`{"secrets":{"GONE":null,"OTHER":{"text":"4"},"ADDED":{"text":"5"}}}`, nil)
	a := c.do("POST", "/workers/scripts/s/deployments", fmt.Sprintf(
		`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100}]}`, c.versions("s")[1]))
	var refusal struct{ Errors []struct{ Message string } }
	if err := json.Unmarshal([]byte(a.Raw), &refusal); err != nil || a.code() != 10220 {
		t.Fatalf("%s, %v", a.Raw, err)
	}
	if _, names, _ := strings.Cut(refusal.Errors[0].Message, "The following secrets have changed: "); names !=
		"ADDED, GONE, OTHER" {
		t.Errorf("the message names %q", names)
	}
}
