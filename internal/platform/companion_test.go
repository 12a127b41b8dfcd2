package platform_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// companion is a script whose objects other scripts use, by its class and by an entrypoint
// with props.
var companion = part{"main.mjs", esm, `
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
export class Store extends DurableObject {
	constructor(ctx, env) {
		super(ctx, env);
		ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, text TEXT)");
	}
	put(path, text) { this.ctx.storage.sql.exec("INSERT OR REPLACE INTO files VALUES (?, ?)", path, text); }
	get(path) { return this.ctx.storage.sql.exec("SELECT text FROM files WHERE path = ?",
		path).toArray()[0]?.text ?? "none"; }
	count() { return this.ctx.storage.sql.exec("SELECT count(*) AS n FROM files").one().n; }
	async remind(name, wait) {
		this.put("reminder", name);
		await this.ctx.storage.setAlarm(Date.now() + wait);
	}
	// linger waits for an alarm, for less time than a switch waits.
	async linger() {
		this.busy = true;
		this.put("busy", "yes");
		await this.env.KV.put("lingers", "yes");
		for (const end = Date.now() + 3000; Date.now() < end && this.get("reminder") !== "none"; ) await scheduler.wait(10);
		this.put("busy", "no");
		this.busy = false;
	}
	async alarm() {
		const name = this.get("reminder");
		if (!this.busy && this.get("busy") === "yes") this.put("twice", "yes");
		this.put(name, String(Number(this.get(name).replace("none", "0")) + 1));
		await this.env.KV.put(name, "came");
		this.put("reminder", "none");
	}
	async fetch(request) { const size = (await request.arrayBuffer()).byteLength; return new Response(String(size)); }
}
export class Assets extends WorkerEntrypoint {
	get #store() { return this.env.STORE.getByName(this.ctx.props.project); }
	async put(path, text) {
		if (!this.ctx.props.write) throw new Error("read only");
		await this.#store.put(path, text);
	}
	async get(path) { return this.#store.get(path); }
	async fetch(request) {
		return new Response(this.ctx.props.project + ":" + await this.get(new URL(request.url).pathname));
	}
}
export default { fetch() { return new Response("companion"); } }`}

const companionMetadata = `,"migrations":{"new_tag":"v1","steps":[{"new_sqlite_classes":["Store"]}]},"bindings":[
	{"name":"STORE","type":"durable_object_namespace","class_name":"Store"},
	{"name":"KV","type":"kv_namespace","namespace_id":%q}]`

// author is a site that writes through the companion. A path is /verb/arguments….
var author = part{"main.mjs", esm, `
export default { async fetch(request, env) {
	const [, verb, ...args] = new URL(request.url).pathname.split("/");
	const store = env.STORE.getByName("ann");
	const result = {
		put: () => env.ASSETS.put(...args),
		get: () => env.ASSETS.get(...args),
		fetch: async () => (await env.ASSETS.fetch(new Request("http://assets/" + args.join("/")))).text(),
		forbidden: () => env.READ.put(...args).catch((e) => e.message),
		direct: () => store.get(...args),
		upload: async () => (await store.fetch(new Request(request.url, { method: "POST", body: request.body }))).text(),
		count: () => store.count(),
		linger: () => store.linger(),
		remind: () => store.remind(args[0], Number(args[1])),
	}[verb]();
	return new Response(String(await result ?? "done"));
} }`}

// authorMetadata binds the companion as wrangler writes it.
const authorMetadata = `,"bindings":[
	{"name":"STORE","type":"durable_object_namespace","class_name":"Store","script_name":"site-overlay"},
	{"name":"ASSETS","type":"service","service":"site-overlay","entrypoint":"Assets",
		"props":{"project":"ann","write":true}},
	{"name":"READ","type":"service","service":"site-overlay","entrypoint":"Assets","props":{"project":"ann"}}]`

// startAuthor opens a platform with a site and its companion. The function that it
// returns waits for a key that the companion writes to KV, without a request to a Worker.
func startAuthor(t *testing.T, options ...platformtest.Option) (c *client, await func(key string)) {
	c = start(t, append(options, checking)...)
	var found []struct{ ID string }
	if c.want("GET", "/storage/kv/namespaces", "", &found); len(found) == 0 {
		_, id := c.namespace("kv")
		c.put("site-overlay", metadata(fmt.Sprintf(companionMetadata, id)), companion)
		c.put("site", metadata(authorMetadata), author)
		c.want("GET", "/storage/kv/namespaces", "", &found)
	}
	return c, func(key string) {
		t.Helper()
		until(t, "the key "+key, func() bool {
			return c.do("GET", "/storage/kv/namespaces/"+found[0].ID+"/values/"+key, "").Status == 200
		})
	}
}

// inFolder stores the platform's state in a folder, for a later platform.
func inFolder(dir string) platformtest.Option {
	return func(o *platform.Options) { o.Dir = dir }
}

func TestEntrypointsGetTheirProps(t *testing.T) {
	c, _ := startAuthor(t)
	c.visits("site", "/put/page/hello", "done")
	c.visits("site", "/get/page", "hello")
	c.visits("site", "/direct/page", "hello") // the same object, bound by script_name
	c.visits("site", "/forbidden/page/x", "read only")
	c.visits("site", "/fetch/page", "ann:none") // its path has a slash
	c.visits("site-overlay", "/", "companion")

	// A body reaches the object completely.
	resp, err := http.Post(c.SiteURL("site")+"/upload", "", strings.NewReader(strings.Repeat("x", 3<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != strconv.Itoa(3<<20) {
		t.Errorf("%q, %v", text, err)
	}

	// A version of the site has other props; the companion does not change.
	c.deploy("site", c.version("site", metadata(strings.Replace(authorMetadata, `"ann","write"`, `"bob","write"`, 1)),
		author))
	c.visits("site", "/get/page", "none")
	c.visits("site", "/direct/page", "hello")
	c.want("GET", "/workers/scripts/site/settings", "", nil)
	if a := c.do("GET", "/workers/scripts/site/settings", ""); !strings.Contains(a.Raw,
		`"props":{"project":"bob","write":true}`) {
		t.Errorf("settings: %s", a.Raw)
	}
}

// A loader gives loaded code a stub of the companion with chosen props, and no other
// access to it.
func TestLoadedWorkersReachTheCompanion(t *testing.T) {
	c, _ := startAuthor(t)
	hub := part{"main.mjs", esm, `
import { WorkerEntrypoint } from "cloudflare:workers";
export class Files extends WorkerEntrypoint {
	async put(path, text) { await this.env.STORE.getByName(this.ctx.props.project).put(path, text); }
	async get(path) { return this.env.STORE.getByName(this.ctx.props.project).get(path); }
}
const code = ` + "`" + `export default { async fetch(request, env) {
	const [, , path, text] = new URL(request.url).pathname.split("/");
	if (text) await env.ASSETS.put(path, text);
	return new Response([Object.keys(env), await env.ASSETS.get(path), await env.SHARED.get(path)].join(" "));
} }` + "`" + `;
export default { async fetch(request, env, ctx) {
	const project = new URL(request.url).pathname.split("/")[1];
	return env.LOADER.get(project, () => ({
		compatibilityDate: "2026-11-01", mainModule: "main.js", modules: { "main.js": code }, globalOutbound: null,
		env: { ASSETS: ctx.exports.Files({ props: { project } }), SHARED: env.SHARED },
	})).getEntrypoint().fetch(request);
} }`}
	c.put("hub", metadata(`,"bindings":[{"name":"LOADER","type":"worker_loader"},
		{"name":"STORE","type":"durable_object_namespace","class_name":"Store","script_name":"site-overlay"},
		{"name":"SHARED","type":"service","service":"site-overlay","entrypoint":"Assets","props":{"project":"ann"}}]`), hub)
	c.visits("hub", "/ann/page/one", "ASSETS,SHARED one one")
	c.visits("hub", "/bob/page", "ASSETS,SHARED none one")
	c.visits("site", "/get/page", "one")
}

// Acknowledged writes exist after workerd was killed during writes, and after the
// platform was opened again.
func TestAcknowledgedWritesSurviveKills(t *testing.T) {
	dir := t.TempDir()
	c, _ := startAuthor(t, inFolder(dir))
	c.visits("site", "/count", "0")
	var mu sync.Mutex
	acknowledged := map[string]string{}
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				path, text := fmt.Sprintf("%d-%d", w, n), strconv.Itoa(n)
				resp, err := http.Get(c.SiteURL("site") + "/put/" + path + "/" + text)
				if err != nil {
					t.Errorf("the address itself does not go away: %v", err)
					return
				}
				if resp.StatusCode == http.StatusOK {
					mu.Lock()
					acknowledged[path] = text
					mu.Unlock()
				}
				resp.Body.Close()
			}
		})
	}
	written := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	for range 3 {
		enough := written() + 20
		until(t, "acknowledged writes", func() bool { return written() >= enough })
		if !c.Server.KillWorker("site-overlay") { // which ends the site's too
			t.Error("nothing was killed")
		}
		c.visits("site", "/put/after/kill", "done") // the next request starts it anew
	}
	close(stop)
	writers.Wait()
	check := func() {
		t.Helper()
		for path, text := range acknowledged {
			c.visits("site", "/get/"+path, text)
		}
	}
	t.Logf("%d writes were acknowledged", len(acknowledged))
	check()
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _ = startAuthor(t, inFolder(dir))
	check()
}

// Alarms run without a request: after a kill, after the platform was opened again, and
// exactly once without a kill.
func TestAlarmsRunWithoutRequests(t *testing.T) {
	dir := t.TempDir()
	c, await := startAuthor(t, inFolder(dir))
	c.visits("site", "/remind/first/10", "done")
	await("first")
	c.visits("site", "/direct/first", "1")
	c.visits("site", "/remind/killed/300", "done")
	c.Server.KillWorker("site")
	await("killed")
	c.visits("site", "/remind/closed/300", "done")
	due := time.Now().Add(300 * time.Millisecond)
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(due)) // the machine's clock is what decides that it is due
	c, await = startAuthor(t, inFolder(dir))
	await("closed")
	c.visits("site", "/remind/last/10", "done")
	await("last")
	c.visits("site", "/direct/last", "1")
	if c.Server.KillWorker("none") {
		t.Error("a script that is not there was killed")
	}
}

// During a switch an object is never in two processes: an alarm that becomes due sees the
// running work, or its result.
func TestSwitchKeepsObjectsSingle(t *testing.T) {
	c, await := startAuthor(t)
	version := c.version("site", metadata(authorMetadata), author)
	c.visits("site", "/remind/once/1000", "done")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.visits("site", "/linger", "done")
	}()
	await("lingers")
	c.deploy("site", version)
	<-done
	await("once")
	c.visits("site", "/direct/twice", "none")
	c.visits("site", "/direct/busy", "no")
	c.visits("site", "/direct/once", "1")
}

func TestKillControl(t *testing.T) {
	c, _ := startAuthor(t)
	kill := func(body string, want int) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "POST",
			strings.TrimSuffix(c.BaseURL, "/client/v4")+"/__platform/kill", strings.NewReader(body))
		req.Header.Set(platform.ControlHeader, c.Server.ControlToken())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, resp.StatusCode, want)
		}
	}
	kill(`{"script":"site"}`, 400) // nothing has started it
	c.visits("site", "/put/a/b", "done")
	kill(`{"script":"site"}`, 200)
	c.visits("site", "/get/a", "b")
	kill(`{"script":"none"}`, 400)
	kill(`{"name":"site"}`, 400)
}
