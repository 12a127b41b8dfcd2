package platform_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

func TestFaults(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	once := func(f platform.Fault) {
		used := false
		c.Server.SetFault(func(info platform.RequestInfo) platform.Fault {
			if used || info.Kind != "kv.bulk.put" {
				return platform.Fault{}
			}
			used = true
			return f
		})
	}
	put := func(key string) (*answer, error) {
		return c.try("PUT", ns+"/bulk", "",
			strings.NewReader(`[{"key":"`+key+`","value":"v"},{"key":"`+key+`2","value":"v"}]`))
	}
	applied := func(key string) bool { return c.do("GET", ns+"/values/"+key, "").Status == 200 }

	once(platform.Fault{Kind: platform.FaultStatus, Status: 429, RetryAfter: 7 * time.Second})
	if a, err := put("status"); err != nil || a.Status != 429 || a.Success || a.Header.Get("Retry-After") != "7" ||
		applied("status") {
		t.Errorf("status: %+v, %v", a, err)
	}
	once(platform.Fault{Kind: platform.FaultHTML, Status: 502})
	if a, err := put("html"); err != nil || a.Status != 502 || !strings.HasPrefix(a.Raw, "<!DOCTYPE html>") ||
		applied("html") {
		t.Errorf("html: %+v, %v", a, err)
	}
	once(platform.Fault{Kind: platform.FaultUnsuccessful})
	if a, err := put("un"); err != nil || a.Status != 200 || a.Success || a.code() == 0 || applied("un") {
		t.Errorf("unsuccessful: %+v, %v", a, err)
	}
	// Go's client repeats a PUT if a reused connection fails, so the test uses new
	// connections.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	once(platform.Fault{Kind: platform.FaultDrop})
	if a, err := put("drop"); err == nil || applied("drop") {
		t.Errorf("drop: %+v", a)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	once(platform.Fault{Kind: platform.FaultLoseReply})
	if a, err := put("lost"); err == nil || !applied("lost") {
		t.Errorf("lose-reply: %+v, %v", a, err)
	}
	once(platform.Fault{Kind: platform.FaultPartial, Every: 2})
	a, err := put("part")
	if err != nil || !strings.Contains(string(a.Result), `"unsuccessful_keys":["part2"]`) || !applied("part") ||
		applied("part2") {
		t.Errorf("partial: %+v, %v", a, err)
	}
}

func TestFaultHangEndsWithTheClient(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	ctx, disconnect := context.WithCancel(t.Context())
	defer disconnect()
	c.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		disconnect() // the request has arrived
		return platform.Fault{Kind: platform.FaultHang}
	})
	req, _ := http.NewRequestWithContext(ctx, "PUT", c.BaseURL+"/accounts/"+c.AccountID+ns+"/values/k",
		strings.NewReader("v"))
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Fatal("there is a response")
	}
	c.Server.SetFault(nil)
	c.refused("GET", ns+"/values/k", "", 404, 10009)
	waitUntil(t, "the end of the request whose client disconnected", func() bool {
		return slices.ContainsFunc(c.Server.Requests(), func(r platform.Request) bool { return r.Kind == "kv.values.put" })
	})
}

func TestRateLimit(t *testing.T) {
	c := start(t)
	c.Server.SetBehaviour(platform.Behaviour{RateLimit: 2, RateWindow: time.Minute})
	for _, want := range []string{`"default";r=1;t=60`, `"default";r=0;t=60`} {
		if a := c.do("GET", "/storage/kv/namespaces", ""); a.Status != 200 || a.Header.Get("Ratelimit") != want {
			t.Errorf("%d, Ratelimit %s, want %s", a.Status, a.Header.Get("Ratelimit"), want)
		}
	}
	a := c.do("GET", "/storage/kv/namespaces", "")
	if a.Status != 429 || a.Header.Get("Retry-After") != "60" || a.Header.Get("Ratelimit-Policy") != `"default";q=2;w=60` {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}

func TestTokens(t *testing.T) {
	c := start(t, func(o *platform.Options) {
		o.Tokens = map[string][]platform.Permission{"reader": {platform.KVRead}, "writer": {platform.KVWrite}}
	})
	for token, want := range map[string][3]int{ // list, create, scripts
		"":       {400, 400, 400},
		"wrong":  {401, 401, 401},
		"reader": {200, 403, 403},
		"writer": {200, 200, 403},
	} {
		c.Token = token
		got := [3]int{
			c.do("GET", "/storage/kv/namespaces", "").Status,
			c.do("POST", "/storage/kv/namespaces", `{"title":"t"}`).Status,
			c.do("GET", "/workers/scripts", "").Status,
		}
		if got != want {
			t.Errorf("token %q: %v, want %v", token, got, want)
		}
	}
}

func TestForeignRequestsAreRefused(t *testing.T) {
	c := start(t)
	c.put("site", metadata(""), respondWith("hello"))
	for _, base := range []string{c.BaseURL + "/user/tokens/verify", c.SiteURL("site") + "/",
		strings.TrimSuffix(c.BaseURL, "/client/v4") + "/__platform/requests"} {
		for name, change := range map[string]func(*http.Request){
			"host":       func(r *http.Request) { r.Host = "evil.example" },
			"port":       func(r *http.Request) { r.Host = "127.0.0.1:1" },
			"origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"nullorigin": func(r *http.Request) { r.Header.Set("Origin", "null") },
			"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", base, http.NoBody)
			req.Header.Set("Authorization", "Bearer "+c.Token)
			req.Header.Set(platform.ControlHeader, c.Server.ControlToken())
			change(req)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 403 {
				t.Errorf("%s with a foreign %s: %d", base, name, resp.StatusCode)
			}
		}
	}
}

func TestControlRoutes(t *testing.T) {
	c := start(t)
	base := strings.TrimSuffix(c.BaseURL, "/client/v4") + "/__platform/"
	control := func(method, path, token, body string) (int, []byte) {
		req, _ := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		req.Header.Set(platform.ControlHeader, token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var raw json.RawMessage
		_ = json.NewDecoder(resp.Body).Decode(&raw)
		return resp.StatusCode, raw
	}
	token := c.Server.ControlToken()
	if status, _ := control("DELETE", "requests", "", ""); status != 403 {
		t.Errorf("without the token: %d", status)
	}
	if status, _ := control("PUT", "faults", token,
		`[{"kind":"status","status":503,"match":"kv.namespaces.*","after":1,"times":1}]`); status != 200 {
		t.Errorf("faults: %d", status)
	}
	for _, want := range []int{200, 503, 200} {
		if got := c.do("GET", "/storage/kv/namespaces", "").Status; got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
	_, raw := control("GET", "requests", token, "")
	var log []platform.Request
	if err := json.Unmarshal(raw, &log); err != nil || len(log) != 3 || log[1].Status != 503 || log[1].Seq != 2 ||
		log[1].Kind != "kv.namespaces.list" {
		t.Errorf("requests: %s, %v", raw, err)
	}
	if status, _ := control("PUT", "behaviour", token, `{"latency":1000000,"nonsense":1}`); status != 400 {
		t.Errorf("nonsense: %d", status)
	}
	if status, _ := control("PUT", "behaviour", token, `{"latency":1000000}`); status != 200 ||
		c.Server.Behaviour().Latency != time.Millisecond {
		t.Errorf("behaviour: %d, %+v", status, c.Server.Behaviour())
	}
}

// A test counts requests as soon as its client has the responses. In this test the value is
// larger than the buffers of a connection, so its request has not ended when it is counted.
func TestRequestIsLoggedBeforeItsResponse(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	if a := c.do("PUT", ns+"/values/k", strings.Repeat("v", 24<<20)); a.Status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	c.Server.ResetRequests()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		c.BaseURL+"/accounts/"+c.AccountID+ns+"/values/k", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := c.Server.Requests()
	if len(got) != 1 || got[0].Kind != "kv.values.get" || got[0].Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != 24<<20 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	c.Server.WaitIdle()
	if got := c.Server.Requests(); len(got) != 1 || got[0].BytesOut != 24<<20 {
		t.Errorf("%+v", got)
	}
}
