package platform_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

func TestWorkerReadsKV(t *testing.T) {
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
	c.wantBody("site", "/p", `["hi",3,"hello",1,[1,"\"é"],"s3cret","/p"]`)
}

// A Worker sees the target of each request exactly as the visitor sent it, even if net/http would
// refuse the target.
func TestTargetAsSent(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), part{"main.mjs", esm, `export default { async fetch(request) {
		const { pathname, search } = new URL(request.url);
		const added = [...request.headers.keys()].filter((name) => name.startsWith("kv-sync"));
		return new Response(pathname + search + added + await request.text());
	} }`})
	address := strings.TrimPrefix(c.SiteURL("site"), "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, target := range []string{
		"/", "/100%.txt", "/x%", "/%E0%A4%A", "/%zz?%zz", "/a|b", "/a[1]'b", "/%7cb", "/%7Cb", "/a;b?c;d=%20&e", "/a?",
		"/..%2fb", "/%41", "//a%2fb", "/a:b", "/*",
	} {
		const body = "GET /body% HTTP/1.1\r\n"
		text := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\nKv-Sync-Request-Target: /forged\r\nContent-Length: %d\r\n\r\n%s",
			target, address, len(body), body)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		got, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(target, "?") + body
		if resp.StatusCode != 200 || string(got) != want {
			t.Errorf("%s: got %d %q, want %q", target, resp.StatusCode, got, want)
		}
	}
}

// A Worker responds without reading the request's body. The client receives the response,
// although sending the body fails.
func TestResponseBeforeTheBodyIsRead(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), part{"main.mjs", esm,
		`export default { fetch: () => new Response("no uploads here", { status: 405 }) }`})
	body := strings.Repeat("x", 1<<20)
	for range 40 {
		// A MultiReader, so that the length of the body is unknown.
		req, err := http.NewRequest("PUT", c.SiteURL("site"), io.MultiReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // the client may fail to send the body to the platform in the same way
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
	c.put("site", metadata(""), respondWith("one"))
	c.wantBody("site", "/", "one")
	two := c.version("site", metadata(""), respondWith("two"))
	c.wantBody("site", "/", "one")
	c.deploy("site", two)
	c.wantBody("site", "/", "two")
}

// During a switch every request gets a complete response of one version.
func TestSwitchWithoutFailedRequests(t *testing.T) {
	c := start(t)
	slow := func(text string) part {
		return part{"main.mjs", esm, `export default { async fetch() { await scheduler.wait(20); return new Response("` +
			text + `") } }`}
	}
	c.put("site", metadata(""), slow("old"))
	c.wantBody("site", "/", "old")
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
	c.wantBody("site", "/", "new") // after the deploy no request gets the old version
	close(stop)
	for range cap(failed) {
		if why := <-failed; why != "" {
			t.Error(why)
		}
	}
}

func TestSplitDeployment(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), respondWith("a"))
	a := c.version("site", metadata(""), respondWith("a"))
	b := c.version("site", metadata(""), respondWith("b"))
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
		`{"strategy":"percentage","versions":[{"version_id":"x","percentage":100}]}`, 404, 100146)
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
	c.wantBody("site", "/", "a1")
	c.deploy("site", c.version("site", metadata(bound), code("b")))
	c.wantBody("site", "/", "b2")
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
	c.wantBody("other", "/", "3b4")
	c.wantBody("site", "/", "b5")

	url := c.SiteURL("site")
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, inDir)
	if c.SiteURL("site") != url {
		t.Errorf("the address of the site changed from %s to %s", url, c.SiteURL("site"))
	}
	c.wantBody("site", "/", "b6")
}

func TestWorkerThatFailsToStart(t *testing.T) {
	c := start(t, withStartCheck)
	c.put("site", metadata(""), respondWith("whole"))
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
	if a := c.upload("PUT", "/workers/scripts/site", `{"main_module":"none.mjs"}`, respondWith("x")); a.code() != 10021 {
		t.Errorf("an unknown main module: %s", a.Raw)
	}
	c.wantBody("site", "/", "whole")
}

// If a Worker is refused because a Worker that it is bound to does not start, the error names
// the bound Worker.
func TestBoundWorkerThatFailsToStart(t *testing.T) {
	dir := t.TempDir()
	inDir := func(o *platform.Options) { o.Dir = dir }
	c := start(t, inDir)
	c.put("broken", metadata(""), part{"main.mjs", esm, `throw new Error("x"); export default {}`})
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = start(t, inDir, withStartCheck)
	bound := metadata(`,"bindings":[{"name":"S","type":"service","service":"broken"}]`)
	if a := c.upload("PUT", "/workers/scripts/site", bound, respondWith("x")); a.code() != 10021 ||
		!strings.Contains(a.Raw, "the Worker broken, which it is bound to: Uncaught Error: x") {
		t.Errorf("got %s", a.Raw)
	}
}

// Uploads are accepted without workerd. A visitor gets an error.
func TestNoStartCheckWithoutWorkerd(t *testing.T) {
	t.Setenv(workerd.EnvPath, filepath.Join(t.TempDir(), "none"))
	c := start(t, withStartCheck)
	c.put("site", metadata(""), respondWith("x"))
	if status, body := c.visit("site", "/"); status != 500 || !strings.Contains(body, workerd.EnvPath) {
		t.Errorf("a visitor without workerd: %d %s", status, body)
	}
}

func TestStaleReadsAtTheEdge(t *testing.T) {
	c := start(t)
	ns, id := c.namespace("n")
	c.put("site", metadata(`,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":"`+id+`"}]`),
		part{"main.mjs", esm,
			`export default { async fetch(r, env) { ` +
				`return new Response(await env.KV.get(new URL(r.url).pathname.slice(1)) ?? "none") } }`})
	c.Server.SetBehaviour(platform.Behaviour{EdgeTTL: time.Hour})
	c.wantBody("site", "/a", "none")
	c.want("PUT", ns+"/bulk", `[{"key":"a","value":"1"},{"key":"b","value":"1"}]`, nil)
	c.wantBody("site", "/a", "none") // a missing key is cached, too
	c.wantBody("site", "/b", "1")
	c.want("DELETE", ns+"/values/b", "", nil)
	c.wantBody("site", "/b", "1")
	c.Server.SetBehaviour(platform.Behaviour{})
	c.wantBody("site", "/a", "1")
	c.wantBody("site", "/b", "none")
}
