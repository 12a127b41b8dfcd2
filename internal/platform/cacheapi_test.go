package platform_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// cacheSteps is a Worker that executes one of its steps for a request of /?name. The
// argument c is the default cache.
var cacheSteps = part{"main.mjs", esm, `
const put = (c, url, body, headers, status) => c.put(url, new Response(body, { headers, status }));
const get = async (c, url, headers) => {
	const r = await c.match(new Request(url, { headers }));
	return r ? [r.status, await r.text(), r.headers.get("CF-Cache-Status")].join(" ") : "none";
};
const steps = {
	put: async (c) => put(c, "https://a.example/x?q=1", "one", {
		"Cache-Control": "max-age=60", "Content-Type": "text/plain", ETag: '"t"', "X-Kept": "yes" }),
	get: (c) => get(c, "https://a.example/x?q=1"),
	header: async (c) => (await c.match("https://a.example/x?q=1")).headers.get("X-Kept"),
	forged: (c) => get(c, "https://a.example/x?q=1", { "X-Cache-Zone": "0123456789abcdef0123456789abcdef/site" }),
	forgedScheme: (c) => get(c, "http://a.example/x?q=1", { "X-Cache-Scheme": "https" }),
	scheme: (c) => get(c, "http://a.example/x?q=1"),
	host: (c) => get(c, "https://b.example/x?q=1"),
	query: (c) => get(c, "https://a.example/x"),
	named: async () => get(await caches.open("other"), "https://a.example/x?q=1"),
	range: (c) => get(c, "https://a.example/x?q=1", { Range: "bytes=1-" }),
	etag: (c) => get(c, "https://a.example/x?q=1", { "If-None-Match": '"t"' }),
	delete: async (c) => String(await c.delete("https://a.example/x?q=1")),
	refused: async (c) => {
		await put(c, "https://a.example/1", "x", { "Cache-Control": "private, max-age=60" });
		await put(c, "https://a.example/2", "x", { "Cache-Control": "no-store" });
		await put(c, "https://a.example/3", "x", { "Set-Cookie": "a=b" });
		await put(c, "https://a.example/4", "x", { "Cache-Control": "max-age=0" });
		await put(c, "https://a.example/5", new Uint8Array((32 << 20) + 1));
		await put(c, "https://a.example/6", "kept");
		await put(c, "https://a.example/7", "gone", {}, 404);
		const got = [];
		for (const n of [1, 2, 3, 4, 5, 6, 7]) got.push(await get(c, "https://a.example/" + n));
		return got.join(",");
	},
	fill: async (c) => {
		for (let n = 0; n < 10; n++) await put(c, "https://a.example/big" + n, new Uint8Array(20 << 20));
		const got = [];
		for (let n = 0; n < 10; n++) got.push((await c.match("https://a.example/big" + n)) ? 1 : 0);
		return got.join("");
	},
};
export default { async fetch(r) {
	return new Response(await steps[new URL(r.url).search.slice(1)](caches.default) ?? "done"); } }`}

func TestCacheAPI(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), cacheSteps)
	c.put("other", metadata(""), cacheSteps)
	for _, step := range [][2]string{
		{"get", "none"}, {"put", "done"}, {"get", "200 one HIT"}, {"header", "yes"},
		{"scheme", "none"}, {"forgedScheme", "none"}, {"host", "none"}, {"query", "none"}, {"named", "none"},
		{"range", "206 ne HIT"}, {"etag", "304  HIT"},
		{"delete", "true"}, {"delete", "false"}, {"get", "none"},
		{"refused", "none,none,none,none,none,200 kept HIT,404 gone HIT"},
		{"fill", "0000111111"}, // 128 MiB at most
		{"put", "done"},
	} {
		c.wantBody("site", "/?"+step[0], step[1])
	}
	c.wantBody("other", "/?get", "none") // another script has its own cache
	c.wantBody("other", "/?forged", "none")

	// All versions of the script use the same cache. Entries expire by the location's clock.
	c.deploy("site", c.version("site", metadata(""), cacheSteps))
	c.wantBody("site", "/?get", "200 one HIT")
	c.Server.AdvanceEdge(59 * time.Second)
	c.wantBody("site", "/?get", "200 one HIT")
	c.Server.AdvanceEdge(time.Second)
	c.wantBody("site", "/?get", "none")

	c.Server.SetBehaviour(platform.Behaviour{EdgeTTL: 10 * time.Minute}) // times are ten times as long
	c.wantBody("site", "/?put", "done")
	c.Server.AdvanceEdge(9 * time.Minute)
	c.wantBody("site", "/?get", "200 one HIT")
	c.Server.ClearEdge()
	c.wantBody("site", "/?get", "none")
}

func TestEdgeControl(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), cacheSteps)
	control := func(method, token, body string, want int) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method,
			strings.TrimSuffix(c.BaseURL, "/client/v4")+"/__platform/edge", strings.NewReader(body))
		req.Header.Set(platform.ControlHeader, token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s %s: %d, want %d", method, body, resp.StatusCode, want)
		}
	}
	advance, _ := json.Marshal(map[string]time.Duration{"advance": time.Minute})
	control("POST", "", string(advance), 403)
	control("POST", c.Server.ControlToken(), `{"advance":"nonsense"}`, 400)
	c.wantBody("site", "/?put", "done")
	c.wantBody("site", "/?get", "200 one HIT")
	control("POST", c.Server.ControlToken(), string(advance), 200)
	c.wantBody("site", "/?get", "none")
	c.wantBody("site", "/?put", "done")
	control("DELETE", c.Server.ControlToken(), "", 200)
	c.wantBody("site", "/?get", "none")
}
