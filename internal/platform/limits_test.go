package platform_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// uploadAs uploads a script with one module in a part with the given name and type.
func (c *client) uploadAs(partName, kind, file string) *answer {
	c.t.Helper()
	body := strings.ReplaceAll(`--b
Content-Disposition: form-data; name="metadata"

{"main_module":"`+file+`","compatibility_date":"2026-11-01"}
--b
Content-Disposition: form-data; name="`+partName+`"; filename="`+file+`"
Content-Type: `+kind+`

export { default } from "./other.js";
--b
Content-Disposition: form-data; name="`+partName+`"; filename="src/other.js"
Content-Type: `+kind+`

export default { fetch() { return new Response("by file name") } }
--b--
`, "\n", "\r\n")
	a, err := c.try("PUT", "/workers/scripts/s", "multipart/form-data; boundary=b", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// A module has the name of its file, with its folders. Clients give all parts the same name.
func TestModulesByFileName(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{esm, "text/javascript+module"} {
		c := start(t, withStartCheck)
		if a := c.uploadAs("files", kind, "src/main.js"); !a.Success {
			t.Fatalf("%s: %s", kind, a.Raw)
		}
		c.wantBody("s", "/", "by file name")
		if a := c.uploadAs("files", kind, "src/other.js"); a.code() != 10021 {
			t.Errorf("two modules of the same name: %s", a.Raw)
		}
		if a := c.uploadAs("files", "text/html", "src/main.js"); a.code() != 10021 {
			t.Errorf("an unknown type: %s", a.Raw)
		}
	}
}

func TestLimitsOfAnUpload(t *testing.T) {
	t.Parallel()
	c := start(t)
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	dated := func(date string) string { return `{"main_module":"main.mjs","compatibility_date":"` + date + `"}` }
	for name, refused := range map[string]struct {
		metadata string
		module   part
		code     int
		says     string
	}{
		"a date in the future": {dated(tomorrow), respondWith("x"), 10021,
			"Can't set compatibility date in the future: " + tomorrow},
		"no date": {dated("2026-13-01"), respondWith("x"), 10021, "2026-13-01"},
		"64 MiB of modules and one byte": {metadata(""), part{"data.bin", "application/octet-stream",
			strings.Repeat("x", 64<<20)}, 10027, "64 MiB"},
		"a larger body": {metadata(""), part{"data.bin", "application/octet-stream", strings.Repeat("x", 67<<20)}, 10027,
			"64 MiB"},
		"a tag of 101 bytes": {metadata(`,"annotations":{"workers/tag":"` + strings.Repeat("t", 101) + `"}`),
			respondWith("x"), 10021, "workers/tag"},
		"broken metadata": {`{"main_module":`, respondWith("x"), 10026, "unexpected end of JSON input"},
	} {
		a := c.upload("PUT", "/workers/scripts/s", refused.metadata, respondWith("main"),
			part{"data.bin", refused.module.kind, refused.module.content})
		if a.code() != refused.code || strings.Count(a.Raw, refused.says) != 1 {
			t.Errorf("%s: %d %.300s", name, a.Status, a.Raw)
		}
	}
	c.refused("GET", "/workers/scripts/s", "", 404, 10007)
	today := time.Now().UTC().Format(time.DateOnly)
	c.put("s", dated(today), respondWith("today"))
}

// A message is shortened to 1,000 bytes, between characters.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	c := start(t)
	message := "m" + strings.Repeat("é", 600)
	c.put("s", metadata(`,"annotations":{"workers/message":"`+message+`"}`), respondWith("x"))
	var version struct{ Annotations map[string]string }
	c.want("GET", "/workers/scripts/s/versions/"+c.versions("s")[0], "", &version)
	if got := version.Annotations["workers/message"]; got != message[:999] {
		t.Errorf("the version's message has %d bytes", len(got))
	}
	var d struct{ Annotations map[string]string }
	c.want("POST", "/workers/scripts/s/deployments", `{"strategy":"percentage","versions":[{"version_id":"`+
		c.versions("s")[0]+`","percentage":100}],"annotations":{"workers/message":"`+message+`"}}`, &d)
	if got := d.Annotations["workers/message"]; got != message[:999] {
		t.Errorf("the deployment's message has %d bytes", len(got))
	}
}

// A request for an account that the token does not belong to is refused, and changes nothing.
func TestWrongAccount(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *platform.Options) { o.Accounts = []string{"0123456789abcdef0123456789abcdef"} })
	c.put("s", metadata(""), respondWith("x"))
	own := c.AccountID
	c.AccountID = "fedcba98765432100123456789abcdef"
	for _, path := range []string{"", "/workers/scripts", "/workers/scripts/s/deployments", "/storage/kv/namespaces"} {
		c.refused("GET", path, "", 403, 10000)
	}
	c.refused("POST", "/storage/kv/namespaces", `{"title":"n"}`, 403, 10000)
	if a := c.upload("PUT", "/workers/scripts/s", metadata(""), respondWith("x")); a.code() != 10000 {
		t.Errorf("an upload: %s", a.Raw)
	}
	// The list has the account before anything is deployed to it.
	fresh := start(t, func(o *platform.Options) { o.Accounts = []string{own} })
	req, err := http.NewRequestWithContext(t.Context(), "GET", fresh.BaseURL+"/accounts", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+fresh.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	a, err := readAnswer(resp)
	if err != nil {
		t.Fatal(err)
	}
	var accounts []struct{ ID string }
	if err := json.Unmarshal(a.Result, &accounts); err != nil || len(accounts) != 1 || accounts[0].ID != own {
		t.Errorf("accounts: %s, %v", a.Raw, err)
	}
}

// A script that other scripts need is deleted only with force.
func TestDeleteAScriptThatOthersNeed(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("one", objects("A", "", `"new_tag":"v1","new_sqlite_classes":["A"]`), counterWorker("A"))
	c.put("caller", metadata(`,"bindings":[{"name":"ONE","type":"service","service":"one"}]`), respondWith("caller"))
	c.put("object", objects("A", "one", ""), caller)
	c.put("observed", metadata(`,"tail_consumers":[{"service":"one"}]`), respondWith("observed"))

	type reference struct {
		Service, Name string
		Class         string `json:"durable_object_namespace_name"`
	}
	var found struct {
		Services struct{ Incoming []reference }
		Objects  []reference `json:"durable_objects"`
	}
	c.want("GET", "/workers/scripts/one/references", "", &found)
	if !slices.Equal(found.Services.Incoming, []reference{{"caller", "ONE", ""}}) ||
		!slices.Equal(found.Objects, []reference{{"object", "C", "one_A"}, {"one", "C", "one_A"}}) {
		t.Errorf("references: %+v", found)
	}
	var tails []struct{ Producer struct{ Script string } }
	c.want("GET", "/workers/tails/by-consumer/one", "", &tails)
	if len(tails) != 1 || tails[0].Producer.Script != "observed" {
		t.Errorf("tails: %+v", tails)
	}
	c.refused("GET", "/workers/scripts/none/references", "", 404, 10007)

	c.refused("DELETE", "/workers/scripts/one", "", 409, 10142)
	c.want("DELETE", "/workers/services/caller?force=false", "", nil)
	c.refused("DELETE", "/workers/services/one?force=false", "", 409, 10064)
	c.want("DELETE", "/workers/services/one?force=true", "", nil)
	c.refused("GET", "/workers/scripts/one/references", "", 404, 10007)
}

// The addresses of versions are enabled together with that of the script. Versions of a Worker with
// Durable Objects have no addresses.
func TestAddressesOfVersions(t *testing.T) {
	t.Parallel()
	c := start(t)
	type subdomain struct {
		Enabled  bool   `json:"enabled"`
		Previews bool   `json:"previews_enabled"`
		Suffix   string `json:"preview_url_suffix"`
		URL      string `json:"url"`
	}
	hasPreview := func(script string, module part, rest string) bool {
		t.Helper()
		a := c.upload("POST", "/workers/scripts/"+script+"/versions", metadata(rest), module)
		var v struct {
			Metadata struct {
				HasPreview bool `json:"has_preview"`
			}
		}
		if err := json.Unmarshal(a.Result, &v); err != nil {
			t.Fatal(a.Raw)
		}
		return v.Metadata.HasPreview
	}
	c.put("s", metadata(""), respondWith("1"))
	if hasPreview("s", respondWith("2"), "") {
		t.Error("a version has an address, but the script is not under workers.dev")
	}
	c.want("POST", "/workers/scripts/s/subdomain", `{"enabled":true}`, nil)
	var worker struct{ Subdomain subdomain }
	c.want("GET", "/workers/workers/s", "", &worker)
	if want := (subdomain{true, true, "-s.local.workers.dev", "https://s.local.workers.dev"}); worker.Subdomain != want {
		t.Errorf("%+v, want %+v", worker.Subdomain, want)
	}
	if !hasPreview("s", respondWith("3"), `,"annotations":{"workers/alias":"feature"}`) {
		t.Error("a version has no address")
	}
	c.want("POST", "/workers/scripts/s/subdomain", `{"enabled":true,"previews_enabled":false}`, nil)
	if hasPreview("s", respondWith("4"), "") {
		t.Error("a version has an address, but they are disabled")
	}

	c.put("o", objects("A", "", `"new_tag":"v1","new_sqlite_classes":["A"]`), counterWorker("A"))
	c.want("POST", "/workers/scripts/o/subdomain", `{"enabled":true}`, nil)
	if hasPreview("o", counterWorker("A"), "") {
		t.Error("a version of a Worker with Durable Objects has an address")
	}
}
