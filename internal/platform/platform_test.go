package platform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// client sends plain HTTP requests to a fixture.
type client struct {
	t *testing.T
	*platformtest.Fixture
}

// start opens a platform. Its edge clock advances only by AdvanceEdge, and by a nanosecond
// with each reading, so that readings are ordered.
func start(t *testing.T, options ...platformtest.Option) *client {
	began := time.Now()
	var readings atomic.Int64
	manualClock := func(o *platform.Options) {
		o.Now = func() time.Time { return began.Add(time.Duration(readings.Add(1))) }
	}
	return &client{t, platformtest.Start(t, append([]platformtest.Option{manualClock}, options...)...)}
}

// hangLimit only ends a hang. No result depends on it.
const hangLimit = 2 * time.Minute

// waitUntil polls until a condition holds. what describes the condition in the error.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timeout while waiting for %s", what)
		}
	}
}

// answer is an envelope, or the raw body if there is none.
type answer struct {
	Status     int
	Header     http.Header
	Raw        string
	Success    bool
	Errors     []struct{ Code int }
	Result     json.RawMessage
	ResultInfo struct {
		Cursor string
		Count  int
	} `json:"result_info"`
}

func (a *answer) code() int {
	if len(a.Errors) == 0 {
		return 0
	}
	return a.Errors[0].Code
}

// try sends a request below the account.
func (c *client) try(method, path, contentType string, body io.Reader) (*answer, error) {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.BaseURL+"/accounts/"+c.AccountID+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	return readAnswer(resp)
}

func readAnswer(resp *http.Response) (*answer, error) {
	defer resp.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, a) // values are not JSON
	return a, nil
}

func (c *client) do(method, path, body string) *answer {
	c.t.Helper()
	a, err := c.try(method, path, "", strings.NewReader(body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want sends a request that must succeed and decodes its result.
func (c *client) want(method, path, body string, into any) {
	c.t.Helper()
	a := c.do(method, path, body)
	if a.Status != 200 || !a.Success {
		c.t.Fatalf("%s %s: %d %s", method, path, a.Status, a.Raw)
	}
	if into != nil {
		if err := json.Unmarshal(a.Result, into); err != nil {
			c.t.Fatal(err)
		}
	}
}

// refused sends a request that must fail with a code.
func (c *client) refused(method, path, body string, status, code int) {
	c.t.Helper()
	if a := c.do(method, path, body); a.Status != status || a.code() != code || a.Success {
		c.t.Errorf("%s %.80s: got %d %.200s, want status %d, code %d", method, path, a.Status, a.Raw, status, code)
	}
}

// namespace creates a namespace and returns its path.
func (c *client) namespace(title string) (path, id string) {
	c.t.Helper()
	var ns struct{ ID string }
	c.want("POST", "/storage/kv/namespaces", fmt.Sprintf(`{"title":%q}`, title), &ns)
	return "/storage/kv/namespaces/" + ns.ID, ns.ID
}

type part struct{ name, kind, content string }

const esm = "application/javascript+module"

// upload sends a script or a version.
func (c *client) upload(method, path, metadata string, parts ...part) *answer {
	c.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, p := range append([]part{{"metadata", "application/json", metadata}}, parts...) {
		w, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, p.name, p.name)},
			"Content-Type":        {p.kind},
		})
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := io.WriteString(w, p.content); err != nil {
			c.t.Fatal(err)
		}
	}
	form.Close()
	a, err := c.try(method, path, form.FormDataContentType(), &body)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// put uploads a script that must be accepted.
func (c *client) put(script, metadata string, parts ...part) {
	c.t.Helper()
	if a := c.upload("PUT", "/workers/scripts/"+script, metadata, parts...); !a.Success {
		c.t.Fatalf("put %s: %s", script, a.Raw)
	}
}

// version uploads a version that must be accepted and returns its id.
func (c *client) version(script, metadata string, parts ...part) string {
	c.t.Helper()
	a := c.upload("POST", "/workers/scripts/"+script+"/versions?bindings_inherit=strict", metadata, parts...)
	var v struct{ ID string }
	if err := json.Unmarshal(a.Result, &v); !a.Success || err != nil {
		c.t.Fatalf("version of %s: %s", script, a.Raw)
	}
	return v.ID
}

// deploy makes one version active.
func (c *client) deploy(script, version string) {
	c.t.Helper()
	c.want("POST", "/workers/scripts/"+script+"/deployments",
		fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100}]}`, version), nil)
}

// visit requests a path of a site and returns the response.
func (c *client) visit(script, path string) (status int, body string) {
	c.t.Helper()
	resp, err := http.Get(c.SiteURL(script) + path)
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

func (c *client) wantBody(script, path, want string) {
	c.t.Helper()
	if status, body := c.visit(script, path); status != 200 || body != want {
		c.t.Errorf("%s%s: got %d %q, want %q", script, path, status, body, want)
	}
}

func metadata(rest string) string {
	return `{"main_module":"main.mjs","compatibility_date":"2026-11-01"` + rest + `}`
}

func respondWith(text string) part {
	return part{"main.mjs", esm, `export default { fetch() { return new Response("` + text + `") } }`}
}

func withStartCheck(o *platform.Options) { o.CheckScripts = true }
