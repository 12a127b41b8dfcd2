package platform_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// bindings returns a version's bindings by name, as the API shows them.
func (c *client) bindings(script, version string) map[string]map[string]any {
	c.t.Helper()
	var v struct {
		Resources struct{ Bindings []map[string]any }
	}
	c.want("GET", "/workers/scripts/"+script+"/versions/"+version, "", &v)
	byName := map[string]map[string]any{}
	for _, b := range v.Resources.Bindings {
		byName[b["name"].(string)] = b
	}
	return byName
}

func TestInheritedBindings(t *testing.T) {
	c := start(t)
	c.put("s", metadata(`,"bindings":[{"name":"A","type":"plain_text","text":"first"},`+
		`{"name":"K","type":"secret_text","text":"s3cret"}]`), respondWith(
		"1"))
	var list struct{ Items []struct{ ID string } }
	c.want("GET", "/workers/scripts/s/versions", "", &list)
	first := list.Items[0].ID
	// A preview with other settings must not affect bindings that name the first version.
	c.version("s", metadata(`,"bindings":[{"name":"A","type":"plain_text","text":"preview"}]`), respondWith("2"))
	third := c.version("s",
		metadata(`,"bindings":[{"name":"A","type":"inherit","version_id":"`+first+`"},`+
			`{"name":"B","type":"inherit","old_name":"A"},{"name":"K","type":"inherit","version_id":"`+first+`"}]`), respondWith(
			"3"))
	got := c.bindings("s", third)
	if got["A"]["text"] != "first" || got["B"]["text"] != "preview" || got["K"]["type"] != "secret_text" {
		t.Errorf("inherited: %v", got)
	}
	if _, shown := got["K"]["text"]; shown {
		t.Error("the API shows the text of a secret")
	}
	if a := c.upload("POST", "/workers/scripts/s/versions?bindings_inherit=strict",
		metadata(`,"bindings":[{"name":"X","type":"inherit"}]`), respondWith("4")); a.Success {
		t.Errorf("an unresolvable binding: %s", a.Raw)
	}
	a := c.upload("POST", "/workers/scripts/s/versions",
		metadata(`,"bindings":[{"name":"X","type":"inherit"}],"keep_bindings":["secret_text"]`), respondWith("4"))
	var v struct{ ID string }
	if err := json.Unmarshal(a.Result, &v); err != nil {
		t.Fatal(a.Raw)
	}
	if names := slices.Sorted(maps.Keys(c.bindings("s", v.ID))); !slices.Equal(names, []string{"K"}) {
		t.Errorf("not strict, secrets kept: %v", names)
	}
}

func TestRollbackAfterASecretChanged(t *testing.T) {
	c := start(t)
	c.put("s", metadata(""), respondWith("1"))
	var list struct{ Items []struct{ ID string } }
	c.want("GET", "/workers/scripts/s/versions?deployable=true", "", &list)
	c.want("PUT", "/workers/scripts/s/secrets", `{"name":"K","text":"v","type":"secret_text"}`, nil)
	body := `{"strategy":"percentage","versions":[{"version_id":"` + list.Items[0].ID + `","percentage":100}]}`
	c.refused("POST", "/workers/scripts/s/deployments", body, 400, 10220)
	c.want("POST", "/workers/scripts/s/deployments?force=true", body, nil)
	var d struct {
		Deployments []struct {
			Versions []struct {
				ID string `json:"version_id"`
			}
		}
	}
	c.want("GET", "/workers/scripts/s/deployments", "", &d)
	if len(d.Deployments) != 3 || d.Deployments[0].Versions[0].ID != list.Items[0].ID {
		t.Errorf("the first deployment must be the active one: %+v", d)
	}
}

func TestScriptSettingsAndAccount(t *testing.T) {
	c := start(t, func(o *platform.Options) { o.Subdomain = "-" })
	c.refused("GET", "/workers/subdomain", "", 404, 10007)
	c.refused("GET", "/workers/scripts/none/deployments", "", 404, 10007)
	c.refused("GET", "/workers/services/none", "", 404, 10007)
	c.put("s", metadata(`,"tags":["a"]`), respondWith("1"))
	c.want("PATCH", "/workers/scripts/s/script-settings", `{"logpush":true}`, nil)
	var settings struct {
		Tags    []string
		Logpush bool
	}
	c.want("GET", "/workers/scripts/s/script-settings", "", &settings)
	if !settings.Logpush || !slices.Equal(settings.Tags, []string{"a"}) {
		t.Errorf("settings: %+v", settings)
	}
	c.want("POST", "/workers/scripts/s/subdomain", `{"enabled":true,"previews_enabled":false}`, nil)
	if a := c.do("GET", "/workers/scripts/s/subdomain",
		""); string(a.Result) != `{"enabled":true,"previews_enabled":false}` {
		t.Errorf("subdomain: %s", a.Raw)
	}
	c.want("DELETE", "/workers/scripts/s", "", nil)
	c.refused("GET", "/workers/scripts/s/settings", "", 404, 10007)
}

// A restarted platform has the state of the earlier run, except for a record that a crash
// truncated.
func TestStateSurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	inDir := func(o *platform.Options) { o.Dir = dir }
	c := start(t, inDir)
	ns, id := c.namespace("n")
	names := c.writeKeys(ns, 50)
	c.want("PUT", ns+"/values/meta", "v", nil)
	c.want("DELETE", ns+"/values/"+"p%2F000", "", nil)
	c.put("s", metadata(""), respondWith("1"))
	c.Server.Close(t.Context()) // Close writes no state, so it is the same as a kill

	log := dir + "/kv/" + id + ".log"
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{"x", string(whole[:25]), "\x00\x00\x00\x00\x01\x02\x00\x00\x00\xff\xff\xff\xff"} {
		if err := os.WriteFile(log, append(slices.Clone(whole), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		c = start(t, inDir)
		if got, _ := c.keys(ns, ""); !slices.Equal(got, append([]string{"meta"}, names[1:]...)) {
			t.Errorf("after the tail %q: %q", tail, got)
		}
		c.want("PUT", ns+"/values/meta", "v", nil)
		c.Server.Close(t.Context())
		c = start(t, inDir)
		c.value(ns, "p/049", "v")
		var list struct{ Items []struct{ Number int } }
		c.want("GET", "/workers/scripts/s/versions", "", &list)
		if len(list.Items) != 1 || list.Items[0].Number != 1 {
			t.Errorf("versions: %+v", list)
		}
		c.Server.Close(t.Context())
	}
}
