package platform_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

func TestDeployedWorkerReadsTheStore(t *testing.T) {
	c := start(t)
	ns, id := c.namespace("assets")
	c.want("PUT", ns+"/bulk", `[{"key":"a/b+c d","value":"aGVsbG8=","base64":true,"metadata":{"t":1}}]`, nil)
	main := part{"main.mjs", esm, `
		import text from "./greeting.txt";
		import data from "./raw.bin";
		export default { async fetch(request, env) {
			const { value, metadata } = await env.KV.getWithMetadata("a/b+c d");
			return Response.json([text, data.byteLength, value, metadata.t, env.J.x, env.S, new URL(request.url).pathname]);
		} }`}
	bindings := fmt.Sprintf(`,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":%q},`+
		`{"name":"J","type":"json","json":{"x":[1,"\"é"]}},{"name":"S","type":"secret_text","text":"s3cret"}]`, id)
	c.put("site", metadata(bindings), main, part{"greeting.txt", "text/plain", "hi"},
		part{"raw.bin", "application/octet-stream", "\x00\x01\xff"})
	c.visits("site", "/p", `["hi",3,"hello",1,[1,"\"é"],"s3cret","/p"]`)
}

// The answer of a Worker that refuses an upload unread is not lost to a broken pipe.
func TestResponseBeforeTheBodyIsRead(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), part{"main.mjs", esm,
		`export default { fetch: () => new Response("no uploads here", { status: 405 }) }`})
	body := strings.Repeat("x", 1<<20)
	for range 40 {
		req, err := http.NewRequest("PUT", c.SiteURL("site"), io.MultiReader(strings.NewReader(body))) // of no known length
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // between the client and the platform it is the same race
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && (resp.StatusCode != 405 || string(text) != "no uploads here") {
			t.Fatalf("%s: %s", resp.Status, text)
		}
	}
}

func TestSwitch(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), says("one"))
	c.visits("site", "/", "one")
	two := c.version("site", metadata(""), says("two"))
	c.visits("site", "/", "one")
	c.deploy("site", two)
	c.visits("site", "/", "two")
}

// During switches every request gets the complete answer of one version.
func TestSwitchDropsNoRequest(t *testing.T) {
	c := start(t)
	slow := func(text string) part {
		return part{"main.mjs", esm, `export default { async fetch() { await scheduler.wait(20); return new Response("` +
			text + `") } }`}
	}
	c.put("site", metadata(""), slow("old"))
	c.visits("site", "/", "old")
	next := c.version("site", metadata(""), slow("new"))
	stop, failed := make(chan struct{}), make(chan string, 4)
	for range cap(failed) {
		go func() {
			for {
				select {
				case <-stop:
					failed <- ""
					return
				default:
				}
				resp, err := http.Get(c.SiteURL("site"))
				if err != nil {
					failed <- err.Error()
					return
				}
				raw, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if text := string(raw); err != nil || text != "old" && text != "new" {
					failed <- fmt.Sprint(text, err)
					return
				}
			}
		}()
	}
	c.deploy("site", next)
	c.visits("site", "/", "new") // once deployed, nobody gets the old one
	close(stop)
	for range cap(failed) {
		if why := <-failed; why != "" {
			t.Error(why)
		}
	}
}

func TestSplitDeployment(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), says("a"))
	a := c.version("site", metadata(""), says("a"))
	b := c.version("site", metadata(""), says("b"))
	body := fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":30},`+
		`{"version_id":%q,"percentage":70}]}`, a, b)
	c.want("POST", "/workers/scripts/site/deployments", body, nil)
	seen := map[string]int{}
	for range 200 {
		_, text := c.visit("site", "/")
		seen[text]++
	}
	if seen["a"] < 20 || seen["b"] < 80 || len(seen) != 2 {
		t.Errorf("30 %% to a, 70 %% to b: %v", seen)
	}
	for _, bad := range []string{
		`{"strategy":"percentage","versions":[]}`,
		fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":99}]}`, a),
		fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":50},`+
			`{"version_id":%q,"percentage":50}]}`, a, a),
	} {
		c.refused("POST", "/workers/scripts/site/deployments", bad, 400, 10021)
	}
	c.refused("POST", "/workers/scripts/site/deployments",
		`{"strategy":"percentage","versions":[{"version_id":"x","percentage":100}]}`, 404, 10146)
}

const counter = `
import { DurableObject } from "cloudflare:workers";
export class Counter extends DurableObject {
	async next() { const n = (await this.ctx.storage.get("n") ?? 0) + 1; await this.ctx.storage.put("n", n); return n; }
}
export default { async fetch(r, env) { return new Response(V + (await env.C.get(env.C.idFromName("x")).next())); } }`

func TestDurableObjectsSurviveVersionsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	inDir := func(o *platform.Options) { o.Dir = dir }
	c := start(t, inDir)
	code := func(v string) part { return part{"main.mjs", esm, `const V = "` + v + `";` + counter} }
	bound := `,"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"Counter"}]`
	if a := c.upload("PUT", "/workers/scripts/site", metadata(bound), code("a")); a.code() != 10061 {
		t.Errorf("a class without its migration: %s", a.Raw)
	}
	c.put("site", metadata(bound+`,"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["Counter"]}]}`), code("a"))
	c.visits("site", "/", "a1")
	c.deploy("site", c.version("site", metadata(bound), code("b")))
	c.visits("site", "/", "b2")
	if a := c.upload("PUT", "/workers/scripts/site", metadata(bound+`,"migrations":{"old_tag":"v0","new_tag":"v2"}`),
		code("c")); a.code() != 10079 {
		t.Errorf("a migration from another tag: %s", a.Raw)
	}
	if a := c.upload("POST", "/workers/scripts/site/versions", metadata(bound+`,"migrations":{"new_tag":"v2"}`),
		code("c")); a.Success {
		t.Errorf("a version with migrations: %s", a.Raw)
	}

	// Another script uses the same object by script_name, and the site by a service binding.
	c.put("other", metadata(`,"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"Counter",`+
		`"script_name":"site"},{"name":"S","type":"service","service":"site"}]`),
		part{"main.mjs", esm,
			`export default { async fetch(r, env) { const n = await env.C.get(env.C.idFromName("x")).next(); ` +
				`return new Response(n + await (await env.S.fetch(r)).text()); } }`})
	c.visits("other", "/", "3b4")
	c.visits("site", "/", "b5")

	url := c.SiteURL("site")
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, inDir)
	if c.SiteURL("site") != url {
		t.Errorf("the site moved from %s to %s", url, c.SiteURL("site"))
	}
	c.visits("site", "/", "b6")
}

func TestBrokenWorker(t *testing.T) {
	c := start(t, checking)
	c.put("site", metadata(""), says("whole"))
	for _, bad := range []string{"syntax error here(", `throw new Error("x"); export default {}`,
		`import "./none.mjs"; export default {}`} {
		if a := c.upload("POST", "/workers/scripts/site/versions", metadata(""),
			part{"main.mjs", esm, bad}); a.code() != 10021 {
			t.Errorf("%s: %s", bad, a.Raw)
		}
		if a := c.upload("PUT", "/workers/scripts/site", metadata(""), part{"main.mjs", esm, bad}); a.code() != 10021 ||
			strings.Contains(a.Raw, "worker-0") {
			t.Errorf("%s: %s", bad, a.Raw)
		}
	}
	if a := c.upload("PUT", "/workers/scripts/site", `{"main_module":"none.mjs"}`, says("x")); a.code() != 10021 {
		t.Errorf("an unknown main module: %s", a.Raw)
	}
	c.visits("site", "/", "whole")
}

// A Worker that fails because a bound Worker does not start names that Worker.
func TestBrokenNeighbour(t *testing.T) {
	dir := t.TempDir()
	inDir := func(o *platform.Options) { o.Dir = dir }
	c := start(t, inDir)
	c.put("broken", metadata(""), part{"main.mjs", esm, `throw new Error("x"); export default {}`})
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, inDir, checking)
	bound := metadata(`,"bindings":[{"name":"S","type":"service","service":"broken"}]`)
	if a := c.upload("PUT", "/workers/scripts/site", bound, says("x")); a.code() != 10021 ||
		!strings.Contains(a.Raw, "the Worker broken, which it is bound to: Uncaught Error: x") {
		t.Errorf("got %s", a.Raw)
	}
}

// Files can be deployed without workerd.
func TestUploadsAreNotCheckedWithoutWorkerd(t *testing.T) {
	t.Setenv(workerd.EnvPath, filepath.Join(t.TempDir(), "none"))
	c := start(t, checking)
	c.put("site", metadata(""), says("x"))
	if status, body := c.visit("site", "/"); status != 500 || !strings.Contains(body, workerd.EnvPath) {
		t.Errorf("a visitor is told what is missing: %d %s", status, body)
	}
}

func TestEdgeReadsAreStale(t *testing.T) {
	c := start(t)
	ns, id := c.namespace("n")
	c.put("site", metadata(`,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":"`+id+`"}]`),
		part{"main.mjs", esm,
			`export default { async fetch(r, env) { ` +
				`return new Response(await env.KV.get(new URL(r.url).pathname.slice(1)) ?? "none") } }`})
	c.Server.SetBehaviour(platform.Behaviour{EdgeTTL: time.Hour})
	c.visits("site", "/a", "none")
	c.want("PUT", ns+"/bulk", `[{"key":"a","value":"1"},{"key":"b","value":"1"}]`, nil)
	c.visits("site", "/a", "none") // that it was absent is remembered too
	c.visits("site", "/b", "1")
	c.want("DELETE", ns+"/values/b", "", nil)
	c.visits("site", "/b", "1")
	c.Server.SetBehaviour(platform.Behaviour{})
	c.visits("site", "/a", "1")
	c.visits("site", "/b", "none")
}
