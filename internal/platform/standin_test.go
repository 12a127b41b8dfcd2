package platform_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

func withStandIns(o *platform.Options) { o.CheckScripts, o.StandIns = true, true }

// binder is a Worker that calls each of its bindings, and answers with the results and errors.
var binder = part{"main.mjs", esm, `
async function attempt(use) { try { return await use() ?? null } catch (error) { return error.message } }
export default { async fetch(request, env) {
	const { DB, KV, QUEUE, DATA, LIMIT, AI, SELF, OTHER, OBJECT, MAIL } = env;
	return Response.json({
		ai: await attempt(() => AI.run("model", {})),
		object: await attempt(() => OBJECT.idFromName("x")),
		other: await attempt(async () => (await OTHER.fetch("http://other/")).status),
		self: await attempt(async () => (await SELF.ping())),
		kv: await attempt(async () => { await KV.put("key", "value"); return KV.get("key") }),
		db: await attempt(async () => {
			await DB.exec("CREATE TABLE IF NOT EXISTS visits (who TEXT)");
			await DB.batch([DB.prepare("INSERT INTO visits VALUES (?)").bind(new URL(request.url).pathname)]);
			const { results, meta } = await DB.prepare("SELECT who FROM visits ORDER BY rowid").all();
			return [results.map(({ who }) => who), meta.changes];
		}),
		wrong: await attempt(() => DB.prepare("SELECT * FROM absent").all()),
		queue: await attempt(async () => {
			await QUEUE.send({ order: 1 });
			await QUEUE.sendBatch([{ body: 2 }]);
			return "sent";
		}),
		data: await attempt(() => DATA.writeDataPoint({ blobs: ["x"] })),
		limit: [await LIMIT.limit({ key: "a" }), await LIMIT.limit({ key: "a" }), await LIMIT.limit({ key: "b" })]
			.map(({ success }) => success),
		mail: await attempt(async () => typeof (await MAIL.send({ from: "a@x.org", to: "b@x.org" })).messageId),
	});
} }
import { WorkerEntrypoint } from "cloudflare:workers";
export class Self extends WorkerEntrypoint { ping() { return "pong" } }
`}

const binderBindings = `,"bindings":[
	{"name":"DB","type":"d1","id":"11111111-2222-3333-4444-555555555555"},
	{"name":"KV","type":"kv_namespace","namespace_id":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"},
	{"name":"QUEUE","type":"queue","queue_name":"orders"},
	{"name":"DATA","type":"analytics_engine","dataset":"visits"},
	{"name":"LIMIT","type":"ratelimit","namespace_id":"1","simple":{"limit":1,"period":60}},
	{"name":"AI","type":"ai"},
	{"name":"MAIL","type":"send_email"},
	{"name":"SELF","type":"service","service":"SCRIPT","entrypoint":"Self"},
	{"name":"OTHER","type":"service","service":"elsewhere"},
	{"name":"OBJECT","type":"durable_object_namespace","class_name":"Room","script_name":"elsewhere"}]`

func binderMetadata(script string) string {
	return metadata(strings.ReplaceAll(binderBindings, "SCRIPT", script))
}

// A Worker that was written for an account runs with all of its bindings. A binding that the
// platform cannot replace throws an error that names it.
func TestStandIns(t *testing.T) {
	t.Parallel()
	c := start(t, withStandIns)
	c.put("app", binderMetadata("app"), binder)
	var got map[string]any
	visit := func(script, path string) {
		t.Helper()
		got = nil
		if status, body := c.visit(script, path); json.Unmarshal([]byte(body), &got) != nil {
			t.Fatalf("%d %s", status, body)
		}
	}
	want := func(name, text string) {
		t.Helper()
		if raw, err := json.Marshal(got[name]); err != nil || string(raw) != text {
			t.Errorf("%s: %s, want %s", name, raw, text)
		}
	}
	visit("app", "/one")
	want("ai", `"env.AI (ai) has no stand-in on the local platform: each use of it throws an error"`)
	want("object", `"env.OBJECT (durable_object_namespace) does not work: no Worker here has the class Room; deploy one, `+
		`and then this Worker again"`)
	want("other", `503`)
	want("self", `"pong"`)
	want("kv", `"value"`)
	want("db", `[["/one"],0]`)
	want("wrong", `"D1_ERROR: no such table: absent: SQLITE_ERROR"`)
	want("queue", `"sent"`)
	want("data", `null`)
	want("limit", `[true,false,true]`)
	want("mail", `"string"`)

	// Another Worker with the same database sees it at the same time, and so does the next version.
	c.put("other", binderMetadata("other"), binder)
	visit("other", "/two")
	want("db", `[["/one","/two"],0]`)
	visit("app", "/three")
	want("db", `[["/one","/two","/three"],0]`)
	c.put("app", binderMetadata("app"), part{"main.mjs", esm, binder.content + "\n// changed"})
	visit("app", "/four")
	want("db", `[["/one","/two","/three","/four"],0]`)

	// When the Worker exists, the binding reaches it.
	c.put("elsewhere", metadata(""), respondWith("here"))
	visit("app", "/five")
	want("other", `200`)
}

// Without stand-ins a binding to a missing resource is refused, as at Cloudflare.
func TestNoStandIns(t *testing.T) {
	t.Parallel()
	c := start(t)
	for code, bound := range map[int]string{
		10041: `{"name":"KV","type":"kv_namespace","namespace_id":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}`,
		10144: `{"name":"OTHER","type":"service","service":"elsewhere"}`,
		10061: `{"name":"OBJECT","type":"durable_object_namespace","class_name":"Room","script_name":"elsewhere"}`,
	} {
		if a := c.upload("PUT", "/workers/scripts/app", metadata(`,"bindings":[`+bound+`]`), binder); a.code() != code {
			t.Errorf("%s: %s, want code %d", bound, a.Raw, code)
		}
	}
	c.refused("GET", "/storage/kv/namespaces/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f/keys", "", 404, 10013)
}

// The id of a namespace is the name of a file. One that would be a path is refused.
func TestForeignNamespaceIDs(t *testing.T) {
	t.Parallel()
	c := start(t, withStandIns)
	c.want("PUT", "/storage/kv/namespaces/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f/bulk", `[{"key":"k","value":"v"}]`, nil)
	c.refused("GET", "/storage/kv/namespaces/..%2f..%2fout/keys", "", 404, 10013)
	bound := `,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":"../out"}]`
	if a := c.upload("PUT", "/workers/scripts/app", metadata(bound), binder); a.code() != 10041 {
		t.Errorf("a namespace was created for a path: %s", a.Raw)
	}
}
