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

// companion is a script with a Durable Object. Other scripts use it by its class, and by an
// entrypoint with props.
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
	// linger waits for an alarm, but not as long as a switch waits for requests.
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

// writerSite is a site that writes through the companion. A path is /verb/argument/….
var writerSite = part{"main.mjs", esm, `
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

// writerMetadata has bindings to the companion, in the form that wrangler sends.
const writerMetadata = `,"bindings":[
	{"name":"STORE","type":"durable_object_namespace","class_name":"Store","script_name":"site-overlay"},
	{"name":"ASSETS","type":"service","service":"site-overlay","entrypoint":"Assets",
		"props":{"project":"ann","write":true}},
	{"name":"READ","type":"service","service":"site-overlay","entrypoint":"Assets","props":{"project":"ann"}}]`

// startWithCompanion opens a platform with a site and its companion. It returns a function
// that waits until the companion has written a key to KV. The function sends no request to a
// Worker.
func startWithCompanion(t *testing.T, options ...platformtest.Option) (c *client, await func(key string)) {
	c = start(t, append(options, withStartCheck)...)
	var found []struct{ ID string }
	if c.want("GET", "/storage/kv/namespaces", "", &found); len(found) == 0 {
		_, id := c.namespace("kv")
		c.put("site-overlay", metadata(fmt.Sprintf(companionMetadata, id)), companion)
		c.put("site", metadata(writerMetadata), writerSite)
		c.want("GET", "/storage/kv/namespaces", "", &found)
	}
	return c, func(key string) {
		t.Helper()
		waitUntil(t, "the key "+key, func() bool {
			return c.do("GET", "/storage/kv/namespaces/"+found[0].ID+"/values/"+key, "").Status == 200
		})
	}
}

// inFolder stores the platform's state in a folder, so that another platform can open it.
func inFolder(dir string) platformtest.Option {
	return func(o *platform.Options) { o.Dir = dir }
}

func TestEntrypointProps(t *testing.T) {
	c, _ := startWithCompanion(t)
	c.wantBody("site", "/put/page/hello", "done")
	c.wantBody("site", "/get/page", "hello")
	c.wantBody("site", "/direct/page", "hello") // the same object, bound by script_name
	c.wantBody("site", "/forbidden/page/x", "read only")
	c.wantBody("site", "/fetch/page", "ann:none") // fetch looks for "/page", put wrote "page"
	c.wantBody("site-overlay", "/", "companion")

	// The object receives the complete body.
	resp, err := http.Post(c.SiteURL("site")+"/upload", "", strings.NewReader(strings.Repeat("x", 3<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != strconv.Itoa(3<<20) {
		t.Errorf("%q, %v", text, err)
	}

	// Another version of the site has other props. The companion does not change.
	c.deploy("site", c.version("site", metadata(strings.Replace(writerMetadata, `"ann","write"`, `"bob","write"`, 1)),
		writerSite))
	c.wantBody("site", "/get/page", "none")
	c.wantBody("site", "/direct/page", "hello")
	c.want("GET", "/workers/scripts/site/settings", "", nil)
	if a := c.do("GET", "/workers/scripts/site/settings", ""); !strings.Contains(a.Raw,
		`"props":{"project":"bob","write":true}`) {
		t.Errorf("settings: %s", a.Raw)
	}
}

// A loader gives the code that it loads a stub of the companion, with props. The code has no
// other access to the companion.
func TestLoadedWorkersUseTheCompanion(t *testing.T) {
	c, _ := startWithCompanion(t)
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
	c.wantBody("hub", "/ann/page/one", "ASSETS,SHARED one one")
	c.wantBody("hub", "/bob/page", "ASSETS,SHARED none one")
	c.wantBody("site", "/get/page", "one")
}

// Acknowledged writes survive a kill of workerd during writes, and a restart of the platform.
func TestAcknowledgedWritesSurviveKills(t *testing.T) {
	dir := t.TempDir()
	c, _ := startWithCompanion(t, inFolder(dir))
	c.wantBody("site", "/count", "0")
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
					t.Errorf("the site's address does not accept connections: %v", err)
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
		waitUntil(t, "acknowledged writes", func() bool { return written() >= enough })
		if !c.Server.KillWorker("site-overlay") { // the site runs in the same process
			t.Error("nothing was killed")
		}
		c.wantBody("site", "/put/after/kill", "done") // the request starts a new process
	}
	close(stop)
	writers.Wait()
	check := func() {
		t.Helper()
		for path, text := range acknowledged {
			c.wantBody("site", "/get/"+path, text)
		}
	}
	t.Logf("%d writes were acknowledged", len(acknowledged))
	check()
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, _ = startWithCompanion(t, inFolder(dir))
	check()
}

// Alarms run without a request, also after a kill and after a restart of the platform. Without
// a kill an alarm runs exactly once.
func TestAlarmsRunWithoutRequests(t *testing.T) {
	dir := t.TempDir()
	c, await := startWithCompanion(t, inFolder(dir))
	c.wantBody("site", "/remind/first/10", "done")
	await("first")
	c.wantBody("site", "/direct/first", "1")
	c.wantBody("site", "/remind/killed/300", "done")
	c.Server.KillWorker("site")
	await("killed")
	c.wantBody("site", "/remind/closed/300", "done")
	due := time.Now().Add(300 * time.Millisecond)
	if err := c.Server.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(due)) // workerd uses the machine's clock for alarms
	c, await = startWithCompanion(t, inFolder(dir))
	await("closed")
	c.wantBody("site", "/remind/last/10", "done")
	await("last")
	c.wantBody("site", "/direct/last", "1")
	if c.Server.KillWorker("none") {
		t.Error("a script that does not exist was killed")
	}
}

// During a switch an object is never in two processes. So an alarm that becomes due sees either
// that the object is still working, or the result of the work.
func TestSwitchKeepsObjectsSingle(t *testing.T) {
	c, await := startWithCompanion(t)
	version := c.version("site", metadata(writerMetadata), writerSite)
	c.wantBody("site", "/remind/once/1000", "done")
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.wantBody("site", "/linger", "done")
	}()
	await("lingers")
	c.deploy("site", version)
	<-done
	await("once")
	c.wantBody("site", "/direct/twice", "none")
	c.wantBody("site", "/direct/busy", "no")
	c.wantBody("site", "/direct/once", "1")
}

func TestKillControl(t *testing.T) {
	c, _ := startWithCompanion(t)
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
	kill(`{"script":"site"}`, 400) // the script does not run yet
	c.wantBody("site", "/put/a/b", "done")
	kill(`{"script":"site"}`, 200)
	c.wantBody("site", "/get/a", "b")
	kill(`{"script":"none"}`, 400)
	kill(`{"name":"site"}`, 400)
}
