package platform_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// reader is a Worker that responds to /key?cacheTtl with the value of the key. For a POST it uses
// a bulk get.
var reader = part{"main.mjs", esm, `export default { async fetch(r, env) {
	const url = new URL(r.url), key = url.pathname.slice(1), ttl = url.search && { cacheTtl: Number(url.search.slice(1)) };
	try {
		const bulk = r.method === "POST";
		const value = bulk ? (await env.KV.get([key], ttl || undefined)).get(key) : await env.KV.get(key, ttl || undefined);
		return new Response(value ?? "none");
	} catch (e) { return new Response(e.message) }
} }`}

func startReader(t *testing.T) (c *client, ns string) {
	c = start(t)
	ns, id := c.namespace("n")
	c.put("site", metadata(`,"bindings":[{"name":"KV","type":"kv_namespace","namespace_id":"`+id+`"}]`), reader)
	c.Server.SetBehaviour(platform.Behaviour{EdgeTTL: time.Minute}) // as at Cloudflare
	return c, ns
}

func TestCacheTTL(t *testing.T) {
	c, ns := startReader(t)
	write := func(value string) {
		t.Helper()
		c.want("PUT", ns+"/bulk",
			`[{"key":"a","value":"`+value+`"},{"key":"b","value":"`+value+`"},{"key":"c","value":"`+value+`"}]`, nil)
	}
	write("1")
	c.wantBody("site", "/a?300", "1")
	c.wantBody("site", "/b", "1") // the default cacheTtl is 60 s
	c.wantBody("site", "/none?300", "none")
	write("2")
	c.want("PUT", ns+"/values/none", "2", nil)
	c.Server.AdvanceEdge(59 * time.Second)
	c.wantBody("site", "/a?300", "1")
	c.wantBody("site", "/b", "1")
	c.wantBody("site", "/b?3600", "1") // a longer cacheTtl does not prolong a cached read
	c.Server.AdvanceEdge(time.Second)
	c.wantBody("site", "/b", "2")
	c.wantBody("site", "/none?300", "none") // a missing key is cached, too
	c.wantBody("site", "/none?30", "2")     // a shorter cacheTtl has expired
	c.wantBody("site", "/a?300", "1")
	c.wantBody("site", "/a", "2")

	write("3")
	c.wantBody("site", "/a?300", "2")
	c.Server.ClearEdge()
	c.wantBody("site", "/a?300", "3")
}

// A read with a shorter cacheTtl shortens the lifetime of a cached read.
func TestShorterCacheTTL(t *testing.T) {
	c, ns := startReader(t)
	c.want("PUT", ns+"/values/a", "1", nil)
	c.wantBody("site", "/a?3600", "1")
	c.wantBody("site", "/a?30", "1")
	c.want("PUT", ns+"/values/a", "2", nil)
	c.Server.AdvanceEdge(31 * time.Second)
	c.wantBody("site", "/a?3600", "2")
}

func TestMinimumCacheTTL(t *testing.T) {
	c, ns := startReader(t)
	c.want("PUT", ns+"/values/a", "1", nil)
	c.wantBody("site", "/a?29", "KV GET failed: 400 Bad Request")
	c.wantBody("site", "/a?30", "1")
	c.wantBody("site", "/a?2147483647", "1")
	if status, body := c.visitAs("POST", "/a?29", nil); status != 200 || !strings.Contains(body.text, "failed: 400") {
		t.Errorf("bulk get: %d %s", status, body.text)
	}
	if _, body := c.visitAs("POST", "/a?30", nil); body.text != "1" {
		t.Errorf("bulk get: %s", body.text)
	}
}

// visited is the result of a visit.
type visited struct {
	text   string
	header http.Header
}

// visitAs visits the script "site" with a method and headers.
func (c *client) visitAs(method, path string, headers map[string]string) (status int, got visited) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.SiteURL("site")+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // it follows no redirect
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, visited{string(text), resp.Header}
}

// visitWith sends a body to the script "site".
func (c *client) visitWith(method, path, body string) (status int, text string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.SiteURL("site")+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}
