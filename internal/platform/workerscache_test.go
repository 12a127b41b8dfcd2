package platform_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// countingWorker is a Worker that counts its requests. The query sets status, headers and size
// of the response.
func countingWorker(version string) part {
	return part{"main.mjs", esm, `let runs = 0;
export default { async fetch(r) {
	const url = new URL(r.url), q = url.searchParams, h = new Headers(JSON.parse(q.get("h") ?? "{}"));
	const seen = ["Range", "If-None-Match"].filter((name) => r.headers.has(name));
	const big = Number(q.get("big") ?? 0);
	const text = "` + version + `" + ++runs + r.method + seen + (r.headers.get("X-Lang") ?? "");
	return new Response(big ? new Uint8Array(big) : text, { status: Number(q.get("s") ?? 200), headers: h });
} }`}
}

const cachedMetadata = `,"cache_options":{"enabled":true}`

// withHeaders returns a path with a query that sets the headers of the response, in JSON.
func withHeaders(path, headers string) string {
	return path + "?h=" + strings.NewReplacer(`"`, "%22", " ", "%20", "{", "%7B", "}", "%7D", "*", "%2A").Replace(headers)
}

const minute = `{"Cache-Control":"public, max-age=60"}`

// outcome is the status, the text and the cache status of a response.
type outcome struct {
	status            int
	text, cacheStatus string
}

// cached sends a request to the script "site" and checks the outcome.
func (c *client) cached(method, path string, headers map[string]string, want outcome) visited {
	c.t.Helper()
	status, answer := c.visitAs(method, path, headers)
	if got := (outcome{status, answer.text, answer.header.Get("CF-Cache-Status")}); got != want {
		c.t.Errorf("%s %s %v: got %v, want %v", method, path, headers, got, want)
	}
	return answer
}

func TestWorkersCaching(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), countingWorker("a"))
	page := withHeaders("/page", minute)
	c.cached("GET", page, nil, outcome{200, "a1GET", "MISS"})
	got := c.cached("GET", page, nil, outcome{200, "a1GET", "HIT"})
	if got.header.Get("Age") != "0" || got.header.Get("Content-Type") != "text/plain;charset=UTF-8" ||
		got.header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("headers of a hit: %v", got.header)
	}
	c.cached("HEAD", page, nil, outcome{200, "", "HIT"})
	c.cached("POST", page, nil, outcome{200, "a2POST", "BYPASS"})
	c.cached("GET", page+"&x", nil, outcome{200, "a3GET", "MISS"}) // another query
	c.cached("GET", page, map[string]string{"X-Rewrite-Url": "/other"}, outcome{200, "a4GET", "MISS"})
	for scheme, want := range map[string]string{"http": "HIT", "https": "HIT", "ftp": "MISS"} {
		if _, got := c.visitAs("GET", page,
			map[string]string{"X-Forwarded-Scheme": scheme}); got.header.Get("CF-Cache-Status") != want {
			t.Errorf("X-Forwarded-Scheme: %s: %s, want %s", scheme, got.header.Get("CF-Cache-Status"), want)
		}
	}
	c.Server.AdvanceEdge(59 * time.Second)
	if got := c.cached("GET", page, nil, outcome{200, "a1GET", "HIT"}); got.header.Get("Age") != "59" {
		t.Errorf("Age: %s", got.header.Get("Age"))
	}
	c.Server.AdvanceEdge(time.Second)
	c.cached("GET", page, nil, outcome{200, "a6GET", "EXPIRED"})
	c.cached("GET", page, nil, outcome{200, "a6GET", "HIT"})
	c.Server.ClearEdge()
	c.cached("HEAD", page, nil, outcome{200, "", "MISS"}) // this stores the complete response
	c.cached("GET", page, nil, outcome{200, "a7GET", "HIT"})
}

// After a switch no cached response of the previous version is used. After a switch back to
// that version, its cached responses are used again.
func TestWorkersCachingPerVersion(t *testing.T) {
	c := start(t)
	page := withHeaders("/page", minute)
	c.put("site", metadata(cachedMetadata), countingWorker("a"))
	a := c.version("site", metadata(cachedMetadata), countingWorker("a"))
	c.deploy("site", a)
	c.cached("GET", page, nil, outcome{200, "a1GET", "MISS"})
	c.deploy("site", c.version("site", metadata(cachedMetadata), countingWorker("b")))
	c.cached("GET", page, nil, outcome{200, "b1GET", "MISS"})
	c.deploy("site", a)
	c.cached("GET", page, nil, outcome{200, "a1GET", "HIT"})
	c.deploy("site", c.version("site", metadata(""), countingWorker("c")))
	c.cached("GET", page, nil, outcome{200, "c1GET", ""}) // without Workers Caching

	across := `,"cache_options":{"enabled":true,"cross_version_cache":true}`
	c.deploy("site", c.version("site", metadata(across), countingWorker("d")))
	c.cached("GET", page, nil, outcome{200, "d1GET", "MISS"})
	c.deploy("site", c.version("site", metadata(across), countingWorker("e")))
	c.cached("GET", page, nil, outcome{200, "d1GET", "HIT"})
}

func TestWorkersCachingRules(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), countingWorker(""))
	authorized := map[string]string{"Authorization": "Basic eDp5"}
	for i, test := range []struct {
		headers string
		status  int
		with    map[string]string
		after   time.Duration
		first   string
		second  string
	}{
		{`{}`, 200, nil, time.Hour, "MISS", "HIT"}, // without headers, two hours
		{`{}`, 200, nil, 2 * time.Hour, "MISS", "EXPIRED"},
		{`{}`, 404, nil, 2 * time.Minute, "MISS", "HIT"},
		{`{}`, 404, nil, 3 * time.Minute, "MISS", "EXPIRED"},
		{`{}`, 500, nil, 0, "MISS", "MISS"},
		{`{"Cache-Control":"public, max-age=60"}`, 500, nil, 0, "MISS", "HIT"},
		{`{"Cache-Control":"max-age=60"}`, 206, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"max-age=60"}`, 522, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"private, max-age=60"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"no-store"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"no-cache"}`, 200, nil, 0, "MISS", "EXPIRED"},
		{`{"Cache-Control":"max-age=0, s-maxage=60"}`, 200, nil, 0, "MISS", "HIT"},
		{`{"Cache-Control":"no-store","Cloudflare-CDN-Cache-Control":"max-age=60"}`, 200, nil, 0, "MISS", "HIT"},
		{`{"Cache-Control":"max-age=60","CDN-Cache-Control":"no-store"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cloudflare-CDN-Cache-Control":"no-store","CDN-Cache-Control":"max-age=60"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"public, max-age=60","Set-Cookie":"a=b"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"public, max-age=60","Vary":"*"}`, 200, nil, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"max-age=60"}`, 200, authorized, 0, "BYPASS", "BYPASS"},
		{`{"Cache-Control":"public, max-age=60"}`, 200, authorized, 0, "MISS", "HIT"},
		{`{"Expires":"Thu, 01 Jan 1970 00:00:00 GMT"}`, 200, nil, 0, "MISS", "EXPIRED"},
	} {
		path := withHeaders(fmt.Sprintf("/%d", i), test.headers) + fmt.Sprintf("&s=%d", test.status)
		for n, want := range []string{test.first, test.second} {
			if n > 0 {
				c.Server.AdvanceEdge(test.after)
			}
			status, got := c.visitAs("GET", path, test.with)
			if status != test.status || got.header.Get("CF-Cache-Status") != want {
				t.Errorf("%s %d %v, time %d: got %d %s, want %s", test.headers, test.status, test.with, n+1, status,
					got.header.Get("CF-Cache-Status"), want)
			}
			for _, name := range []string{"Cloudflare-CDN-Cache-Control", "Cache-Tag"} {
				if got.header.Get(name) != "" {
					t.Errorf("%s: the visitor sees %s", test.headers, name)
				}
			}
		}
	}
}

func TestRangesAndConditionsInWorkersCaching(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), countingWorker(""))
	tagged := func(path string) string { return withHeaders(path, `{"Cache-Control":"max-age=60","ETag":"\"t\""}`) }
	tag := func(path string) string { return strings.ReplaceAll(tagged(path), `\`, "%5C") }
	// The Worker gets a request for the complete response, without conditions.
	if got := c.cached("GET", tag("/r"), map[string]string{"Range": "bytes=1-2"}, outcome{206, "GE",
		"MISS"}); got.header.Get("Content-Range") != "bytes 1-2/4" {
		t.Errorf("Content-Range: %v", got.header)
	}
	c.cached("GET", tag("/r"), map[string]string{"Range": "bytes=0-0"}, outcome{206, "1", "HIT"})
	c.cached("GET", tag("/r"), map[string]string{"Range": "bytes=9-"},
		outcome{416, "invalid range: failed to overlap\n", "HIT"})
	c.cached("GET", tag("/r"), nil, outcome{200, "1GET", "HIT"})
	c.cached("GET", tag("/e"), map[string]string{"If-None-Match": `"t"`}, outcome{304, "", "MISS"})
	c.cached("GET", tag("/e"), map[string]string{"If-None-Match": `"t"`}, outcome{304, "", "HIT"})
	c.cached("GET", tag("/e"), map[string]string{"If-None-Match": `"u"`}, outcome{200, "2GET", "HIT"})
	c.cached("GET", withHeaders("/n", `{"Cache-Control":"no-store"}`),
		map[string]string{"If-None-Match": `"t"`, "Range": "bytes=0-"}, outcome{200, "3GET", "BYPASS"})

	// Responses that are too large are passed on completely and not stored.
	for range 2 {
		for _, headers := range []map[string]string{nil, {"Range": "bytes=0-1"}} {
			if status, got := c.visitAs("GET", fmt.Sprintf("/big?big=%d", 32<<20+1), headers); status != 200 ||
				len(got.text) != 32<<20+1 || got.header.Get("CF-Cache-Status") != "MISS" {
				t.Errorf("%v: %d, %d bytes, %s", headers, status, len(got.text), got.header.Get("CF-Cache-Status"))
			}
		}
	}
}

func TestWorkersCachingVary(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), countingWorker(""))
	page := withHeaders("/v", `{"Cache-Control":"max-age=60","Vary":"X-Other, x-lang"}`)
	de, fr := map[string]string{"X-Lang": "de"}, map[string]string{"X-Lang": "fr"}
	c.cached("GET", page, de, outcome{200, "1GETde", "MISS"})
	c.cached("GET", page, fr, outcome{200, "2GETfr", "MISS"})
	c.cached("GET", page, nil, outcome{200, "3GET", "MISS"})
	c.cached("GET", page, de, outcome{200, "1GETde", "HIT"})
	c.cached("GET", page, fr, outcome{200, "2GETfr", "HIT"})
	other := maps.Clone(fr)
	other["X-Other"] = "1"
	c.cached("GET", page, other, outcome{200, "4GETfr", "MISS"})
}

// A response that ends early is not stored.
func TestTruncatedResponsesAreNotStored(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), part{"main.mjs", esm, `let runs = 0;
const bytes = (text) => new TextEncoder().encode(text);
export default { fetch(r, env, ctx) {
	const { readable, writable } = new FixedLengthStream(10), w = writable.getWriter(), whole = ++runs > 2;
	ctx.waitUntil((async () => {
		await w.write(bytes("12345"));
		await scheduler.wait(20);
		if (!whole) return w.abort(new Error("broken"));
		await w.write(bytes("67890"));
		await w.close();
	})().catch(() => {}));
	return new Response(readable, { headers: { "Cache-Control": "max-age=60" } });
} }`})
	resp, err := http.Get(c.SiteURL("site"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err == nil || resp.StatusCode != 200 || string(text) != "12345" {
		t.Fatalf("a truncated response: %d %q, %v", resp.StatusCode, text, err)
	}
	if status, got := c.visitAs("GET", "/", map[string]string{"Range": "bytes=0-1"}); status != 502 {
		t.Errorf("a part of a truncated response: %d %q", status, got.text)
	}
	c.cached("GET", "/", nil, outcome{200, "1234567890", "MISS"})
	c.cached("GET", "/", nil, outcome{200, "1234567890", "HIT"})
}

func TestEdgeTTLScalesCaches(t *testing.T) {
	c := start(t)
	c.put("site", metadata(cachedMetadata), countingWorker(""))
	c.Server.SetBehaviour(platform.Behaviour{EdgeTTL: time.Hour})
	page := withHeaders("/page", minute)
	c.cached("GET", page, nil, outcome{200, "1GET", "MISS"})
	c.Server.AdvanceEdge(59 * time.Minute)
	c.cached("GET", page, nil, outcome{200, "1GET", "HIT"})
	c.Server.AdvanceEdge(time.Minute)
	c.cached("GET", page, nil, outcome{200, "2GET", "EXPIRED"})
}
