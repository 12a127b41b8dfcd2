package platform_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// bound returns metadata with one binding.
func bound(binding string) string { return metadata(`,"bindings":[` + binding + `]`) }

// Each upload with a mistake is refused with Cloudflare's code, and creates nothing.
func TestWrongUploads(t *testing.T) {
	t.Parallel()
	c := start(t, withStartCheck)
	c.put("other", metadata(""), respondWith("other"))
	module := func(code string) part { return part{"main.mjs", esm, code} }
	for name, wrong := range map[string]struct {
		script, metadata string
		module           part
		code             int
		says             string
	}{
		"a name with a dot":            {"a.b", metadata(""), respondWith("x"), 10016, "a.b"},
		"a name with a capital letter": {"Site", metadata(""), respondWith("x"), 10016, "Site"},
		"a name that begins with -":    {"-a", metadata(""), respondWith("x"), 10016, "-a"},
		"a name of 64 characters":      {strings.Repeat("n", 64), metadata(""), respondWith("x"), 10016, "nnn"},
		"no main module":               {"s", `{"compatibility_date":"2026-11-01"}`, respondWith("x"), 10021, "main_module"},
		"another main module": {"s", `{"main_module":"none.mjs"}`, respondWith("x"), 10021,
			`No such module \"none.mjs\"`},
		"a main module that is no code": {"s", metadata(""), part{"main.mjs", "text/plain", "x"}, 10021, "ES module"},
		"an import of nothing": {"s", metadata(""), module(`import "none.mjs"`), 10021,
			`No such module \"none.mjs\"`},
		"a module without a type": {"s", metadata(""), part{"main.mjs", "", "x"}, 10021, "unknown type"},
		"a syntax error":          {"s", metadata(""), module(`export default {`), 10021, "SyntaxError"},
		"an error at the start":   {"s", metadata(""), module(`throw new Error("boom")`), 10021, "boom"},
		"a service worker":        {"s", `{"body_part":"main.mjs"}`, respondWith("x"), 10021, "main_module"},
		"an unknown flag": {"s", metadata(`,"compatibility_flags":["zzz"]`), respondWith("x"), 10021,
			"No such compatibility flag: zzz"},
		"an unknown namespace": {"s", bound(`{"name":"K","type":"kv_namespace","namespace_id":"` +
			strings.Repeat("0", 32) + `"}`), respondWith("x"), 10041, "not found"},
		"a binding without a type": {"s", bound(`{"name":"K"}`), respondWith("x"), 10021, "type"},
		"a name twice": {"s", bound(`{"name":"K","type":"json","json":1},{"name":"K","type":"json","json":2}`),
			respondWith("x"), 10021, "binding K"},
		"a variable without a text": {"s", bound(`{"name":"V","type":"plain_text"}`), respondWith("x"), 10021, "`text`"},
		"a JSON variable without a value": {"s", bound(`{"name":"V","type":"json"}`), respondWith("x"), 10021,
			"`json`"},
		"a secret without a text": {"s", bound(`{"name":"V","type":"secret_text"}`), respondWith("x"), 10021, "`text`"},
		"an unknown service": {"s", bound(`{"name":"S","type":"service","service":"none"}`), respondWith("x"), 10144,
			`\"none\"`},
		"an unknown entrypoint": {"s", bound(`{"name":"S","type":"service","service":"other","entrypoint":"Nope"}`),
			respondWith("x"), 10021, `Worker \"s\"'s binding \"S\" refers to service \"other\"`},
		"objects of a class that does not exist": {"s", objects("Z", "", ""), respondWith("x"), 10061, `\"Z\"`},
		"objects of an unknown script":           {"s", objects("Z", "none", ""), respondWith("x"), 10061, `\"none\"`},
		"a class that the code lacks": {"s", metadata(`,"migrations":{"new_tag":"v1","new_classes":["Z"]}`),
			respondWith("x"), 10070, `\"Z\"`},
		"another old tag": {"s", metadata(`,"migrations":{"old_tag":"v9","new_tag":"v1"}`), respondWith("x"), 10079, "v9"},
		"an inherited binding without a source": {"s?bindings_inherit=strict", bound(`{"name":"I","type":"inherit"}`),
			respondWith("x"), 10057, "inherit binding 'I' is invalid"},
		"an unknown upload of assets": {"s", metadata(`,"assets":{"jwt":"x"}`), respondWith("x"), 100334, "token"},
	} {
		a := c.upload("PUT", "/workers/scripts/"+wrong.script, wrong.metadata, wrong.module)
		if a.Success || a.code() != wrong.code || !strings.Contains(a.Raw, wrong.says) {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	c.refused("PUT", "/workers/scripts/s", "export default {}", 400, 10001)
	if a := c.form("PUT", "/workers/scripts/s", "main.mjs", "x"); a.code() != 10021 {
		t.Errorf("without metadata: %s", a.Raw)
	}
	c.refused("POST", "/workers/scripts/s/versions", "", 400, 10001)
	if a := c.upload("POST", "/workers/scripts/s/versions", metadata(""), respondWith("x")); a.code() != 10007 {
		t.Errorf("a version without modules: %s", a.Raw)
	}
	c.refused("GET", "/workers/scripts/s", "", 404, 10007)
	c.refused("DELETE", "/workers/scripts/s", "", 404, 10007)
}

// Each deployment with a mistake is refused, and the active one stays.
func TestWrongDeployments(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.put("s", metadata(""), respondWith("one"))
	c.put("other", metadata(""), respondWith("other"))
	one, two := c.versions("s")[0], c.version("s", metadata(""), respondWith("two"))
	share := func(version, percentage string) string {
		return `{"version_id":"` + version + `","percentage":` + percentage + `}`
	}
	deployment := func(shares ...string) string {
		return `{"strategy":"percentage","versions":[` + strings.Join(shares, ",") + `]}`
	}
	for name, wrong := range map[string]struct {
		body         string
		status, code int
	}{
		"90 %":                      {deployment(share(one, "50"), share(two, "40")), 400, 10021},
		"110 %":                     {deployment(share(one, "50"), share(two, "60")), 400, 10021},
		"a negative share":          {deployment(share(one, "-10"), share(two, "110")), 400, 10021},
		"a share that is no number": {deployment(share(one, `"100"`)), 400, 10026},
		"three versions":            {deployment(share(one, "40"), share(two, "40"), share(one, "20")), 400, 10021},
		"no version":                {deployment(), 400, 10021},
		"a version twice":           {deployment(share(one, "50"), share(one, "50")), 400, 10021},
		"a version of another script": {deployment(share(c.versions("other")[0], "100")), 404,
			100146},
		"a version that is no UUID": {deployment(share("abc", "100")), 404, 100146},
		"another strategy": {strings.Replace(deployment(share(one, "100")), "percentage", "rolling", 1), 400,
			10021},
		"no strategy": {`{"versions":[` + share(one, "100") + `]}`, 400, 10021},
		"no JSON":     {`{"strategy":`, 400, 10026},
	} {
		a := c.do("POST", "/workers/scripts/s/deployments", wrong.body)
		if a.Status != wrong.status || a.code() != wrong.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
	}
	c.refused("GET", "/workers/scripts/s/deployments/"+one, "", 404, 10336)
	c.refused("GET", "/workers/scripts/s/versions/"+two[:30]+"000000", "", 404, 100146)
	c.refused("POST", "/workers/scripts/none/deployments", deployment(share(one, "100")), 404, 10007)
	if a := c.upload("POST", "/workers/scripts/s/versions",
		metadata(`,"migrations":{"new_tag":"v1"}`), respondWith("x")); a.code() != 10211 {
		t.Errorf("a version with migrations: %s", a.Raw)
	}
	c.wantBody("s", "/", "one")
}

// Requests with a wrong or malformed token get the errors that Cloudflare sends.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	c := start(t, func(o *platform.Options) {
		o.Tokens = map[string][]api.Permission{"a-token": {api.WorkersRead}}
	})
	for header, want := range map[string]struct{ status, code int }{
		"":                 {400, 9106},
		"Basic YTpi":       {400, 6003},
		"Bearer":           {400, 6003},
		"Bearer two words": {400, 6003},
		"Bearer unknown":   {401, 1000},
		"Bearer a-token":   {200, 0},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.BaseURL+"/accounts/"+c.AccountID+"/workers/scripts", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAnswer(resp)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != want.status || got.code() != want.code {
			t.Errorf("%q: %d %s", header, got.Status, got.Raw)
		}
	}
	c.Token = "a-token"
	c.refused("DELETE", "/workers/scripts/s", "", 403, 10000)
	c.refused("GET", "/storage/kv/namespaces", "", 403, 10000)
	c.AccountID = "abc"
	c.refused("GET", "/workers/scripts", "", 404, 7003)
	c.refused("GET", "/workers/nothing", "", 400, 7000)
}
