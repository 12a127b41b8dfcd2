package platform_test

import (
	"fmt"
	"testing"
	"time"
)

// settable is a Worker whose response is set by a POST to /set.
var settable = part{"main.mjs", esm, `
let runs = 0, status = 200, text = "one", headers = {};
export default { async fetch(r) {
	const url = new URL(r.url), q = url.searchParams;
	if (url.pathname === "/runs") return new Response(String(runs), { headers: { "Cache-Control": "no-store" } });
	if (url.pathname === "/set") {
		({ status, text, headers } = JSON.parse(await r.text()));
		return new Response("set");
	}
	runs++;
	if (status === 0) throw new Error("broken");
	const tag = '"' + text + '"';
	if (r.headers.get("If-None-Match") === tag) return new Response(null, { status: 304, headers: {
		ETag: tag, "X-Run": String(runs), ...headers } });
	return new Response(text, { status, headers: { ETag: tag, "X-Run": String(runs), ...headers } });
} }`}

// respondWith sets the response of the Worker.
func (c *client) respondWith(status int, text, cacheControl string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"status":%d,"text":%q,"headers":{"Cache-Control":%q}}`, status, text, cacheControl)
	if got, answer := c.visitWith("POST", "/set", body); got != 200 {
		c.t.Fatalf("set: %d %s", got, answer)
	}
}

func startSettable(t *testing.T) *client {
	c := start(t)
	c.put("site", metadata(cachedMetadata), settable)
	return c
}

func TestRevalidation(t *testing.T) {
	c := startSettable(t)
	c.respondWith(200, "one", "max-age=60")
	c.cached("GET", "/", nil, outcome{200, "one", "MISS"})
	c.Server.AdvanceEdge(time.Minute)
	got := c.cached("GET", "/", nil, outcome{200, "one", "REVALIDATED"})
	if got.header.Get("X-Run") != "2" {
		t.Errorf("the headers of the 304 are not used: %v", got.header)
	}
	c.cached("GET", "/", nil, outcome{200, "one", "HIT"}) // fresh again
	c.Server.AdvanceEdge(time.Minute)
	c.cached("GET", "/", map[string]string{"If-None-Match": `"one"`}, outcome{304, "", "REVALIDATED"})
	c.respondWith(200, "two", "no-cache")
	c.Server.AdvanceEdge(time.Minute)
	c.cached("GET", "/", nil, outcome{200, "two", "EXPIRED"})
	c.cached("GET", "/", nil, outcome{200, "two", "REVALIDATED"}) // no-cache revalidates each time
	c.cached("GET", "/", map[string]string{"Range": "bytes=0-0"}, outcome{206, "t", "REVALIDATED"})
	c.respondWith(200, "three", "private")
	c.cached("GET", "/", nil, outcome{200, "three", "BYPASS"})
}

func TestStaleWhileRevalidate(t *testing.T) {
	c := startSettable(t)
	c.respondWith(200, "one", "max-age=60, stale-while-revalidate=30")
	c.cached("GET", "/", nil, outcome{200, "one", "MISS"})
	c.respondWith(200, "two", "max-age=60, stale-while-revalidate=30")
	c.Server.AdvanceEdge(89 * time.Second)
	if got := c.cached("GET", "/", nil, outcome{200, "one", "UPDATING"}); got.header.Get("Age") != "89" {
		t.Errorf("Age: %v", got.header)
	}
	waitUntil(t, "the update", func() bool {
		_, got := c.visitAs("GET", "/", nil)
		return got.text == "two" && got.header.Get("CF-Cache-Status") == "HIT"
	})
	c.wantBody("site", "/runs", "2") // one revalidation, although there were several requests
	c.Server.AdvanceEdge(90 * time.Second)
	c.respondWith(200, "three", "s-maxage=60, stale-while-revalidate=30")
	c.cached("GET", "/", nil, outcome{200, "three", "EXPIRED"})
	c.Server.AdvanceEdge(60 * time.Second)
	c.cached("GET", "/", nil, outcome{200, "three", "REVALIDATED"}) // s-maxage forbids stale responses
}

func TestStaleIfError(t *testing.T) {
	for _, test := range []struct {
		control string
		after   time.Duration
		stale   bool
	}{
		{"max-age=60", 365 * 24 * time.Hour, true}, // without stale-if-error there is no limit
		{"max-age=60, stale-if-error=30", 80 * time.Second, true},
		{"max-age=60, stale-if-error=30", 90 * time.Second, false},
		{"max-age=60, stale-if-error=0", 60 * time.Second, false},
		{"s-maxage=60, stale-if-error=30", 60 * time.Second, false},
		{"max-age=60, must-revalidate", 60 * time.Second, false},
		{"max-age=60, proxy-revalidate", 60 * time.Second, false},
	} {
		c := startSettable(t)
		c.respondWith(200, "good", test.control)
		c.cached("GET", "/", nil, outcome{200, "good", "MISS"})
		c.Server.AdvanceEdge(test.after)
		for _, status := range []int{503, 0} {
			c.respondWith(status, "bad", "no-store")
			status, got := c.visitAs("GET", "/", nil)
			if test.stale != (status == 200 && got.text == "good" && got.header.Get("CF-Cache-Status") == "STALE") ||
				!test.stale && status < 500 {
				t.Errorf("%s: after %v: %d %q %s", test.control, test.after, status, got.text, got.header.Get("CF-Cache-Status"))
			}
		}
		c.respondWith(404, "gone", "max-age=60")
		c.cached("GET", "/", nil, outcome{404, "gone", "EXPIRED"}) // a 404 is not an error of the Worker
	}
}
