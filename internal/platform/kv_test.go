package platform_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// keys lists a namespace, and returns the names and the number of pages.
func (c *client) keys(ns, query string) (names []string, pages int) {
	c.t.Helper()
	cursor := ""
	for {
		a := c.do("GET", ns+"/keys?"+query+"&cursor="+cursor, "")
		if !a.Success {
			c.t.Fatal(a.Raw)
		}
		var page []struct{ Name string }
		if err := json.Unmarshal(a.Result, &page); err != nil {
			c.t.Fatal(err)
		}
		for _, k := range page {
			names = append(names, k.Name)
		}
		pages++
		if cursor = a.ResultInfo.Cursor; cursor == "" {
			return names, pages
		}
	}
}

func (c *client) value(ns, key, want string) {
	c.t.Helper()
	if a := c.do("GET", ns+"/values/"+url.PathEscape(key), ""); a.Status != 200 || a.Raw != want {
		c.t.Errorf("value of %q: %d %.100q, want %q", key, a.Status, a.Raw, want)
	}
}

func TestUnusualKeys(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	keys := []string{"a", "a/b", "a//b", "a+b&c=d", "50%", "%2F", "é ü", "日本", " ", "a/../b", "...",
		strings.Repeat("k", 512), "a\x00b", "?q#f"}
	for _, key := range keys {
		c.want("PUT", ns+"/values/"+url.PathEscape(key), "v:"+key, nil)
	}
	for _, key := range keys {
		c.value(ns, key, "v:"+key)
	}
	slices.Sort(keys)
	if got, _ := c.keys(ns, "limit=10"); !slices.Equal(got, keys) {
		t.Errorf("list: %q\nwant %q", got, keys)
	}
	for _, key := range keys {
		c.want("DELETE", ns+"/values/"+url.PathEscape(key), "", nil)
		c.refused("GET", ns+"/values/"+url.PathEscape(key), "", 404, 10009)
	}
}

func TestRefusedKVRequests(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	long := strings.Repeat("k", 513)
	c.refused("PUT", ns+"/values/"+long, "v", 414, 10018)
	c.refused("PUT", ns+"/values/%2E%2E", "v", 400, 10018)
	c.refused("PUT", ns+"/bulk", `[{"key":"","value":"v"}]`, 400, 10018)
	c.refused("PUT", ns+"/bulk", `[{"key":"ok","value":"v"},{"key":".","value":"v"}]`, 400, 10018)
	c.refused("PUT", ns+"/bulk", fmt.Sprintf(`[{"key":"ok","value":"v"},{"key":%q,"value":"v"}]`, long), 414, 10018)
	c.refused("PUT", ns+"/bulk", `[{"key":"k","value":"v","metadata":"`+strings.Repeat("m", 1023)+`"}]`, 413, 10054)
	c.refused("PUT", ns+"/bulk", `[{"key":"k","value":"*","base64":true}]`, 400, 10026)
	c.refused("PUT", ns+"/bulk", `[{"key":"k"}]`, 400, 10026)
	c.refused("PUT", ns+"/bulk", `[{"key":"k","value":1}]`, 400, 10026)
	c.refused("PUT", ns+"/bulk", `[`, 400, 10026)
	c.refused("PUT", ns+"/bulk", "["+strings.Repeat(`{"key":"k","value":""},`, 10000)+`{"key":"k","value":""}]`, 400,
		10026)
	c.refused("PUT", ns+"/bulk", `[{"key":"k","value":"v","expiration_ttl":59}]`, 400, 10021)
	c.refused("PUT", ns+"/values/big", strings.Repeat("x", 25<<20+1), 413, 10054)
	c.refused("GET", ns+"/keys?limit=9", "", 400, 10025)
	c.refused("GET", ns+"/keys?limit=1001", "", 400, 10025)
	c.refused("GET", ns+"/keys?cursor=%21", "", 400, 10024)
	c.refused("POST", "/storage/kv/namespaces", `{"title":"n"}`, 400, 10014)
	c.refused("GET", "/storage/kv/namespaces/ffffffffffffffffffffffffffffffff/keys", "", 404, 10013)
	c.refused("GET", "/no/such/thing", "", 400, 7000)
	if names, _ := c.keys(ns, ""); len(names) != 0 {
		t.Errorf("refused writes created the keys %q", names)
	}
	c.want("PUT", ns+"/bulk", `[{"key":"k","value":"v","metadata":"`+strings.Repeat("m", 1022)+`"}]`, nil)
	c.want("PUT", ns+"/values/big", strings.Repeat("x", 25<<20), nil)
}

func TestBulk(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	binary := string([]byte{0, 1, 255, 254, 10})
	body := fmt.Sprintf(`[{"key":"a","value":"é\n\u00e9"},{"key":"b","value":%q,"base64":true,"metadata":{"t": 1}},`+
		`{"key":"c","value":""},{"key":"a","value":"last"}]`, base64.StdEncoding.EncodeToString(
		[]byte(binary)))
	var result struct {
		Successful   int      `json:"successful_key_count"`
		Unsuccessful []string `json:"unsuccessful_keys"`
	}
	c.want("PUT", ns+"/bulk", body, &result)
	if result.Successful != 4 || result.Unsuccessful == nil || len(result.Unsuccessful) != 0 {
		t.Errorf("bulk put: %+v", result)
	}
	c.value(ns, "a", "last")
	c.value(ns, "b", binary)
	c.value(ns, "c", "")
	if a := c.do("GET", ns+"/metadata/b", ""); string(a.Result) != `{"t":1}` {
		t.Errorf("metadata: %s", a.Raw)
	}
	var got struct{ Values map[string]any }
	c.want("POST", ns+"/bulk/get", `{"keys":["a","c","none"]}`, &got)
	if got.Values["a"] != "last" || got.Values["c"] != "" || len(got.Values) != 2 { // a missing key is left out
		t.Errorf("bulk get: %+v", got)
	}
	c.refused("POST", ns+"/bulk/get", `{"keys":["none"],"type":"xml"}`, 400, 10026)
	c.refused("GET", ns+"/keys?cursor=bm9uZQ", "", 400, 10024)
	c.want("DELETE", ns+"/bulk", `["a","none"]`, &result)
	c.want("POST", ns+"/bulk/delete", `["b"]`, &result)
	if names, _ := c.keys(ns, ""); !slices.Equal(names, []string{"c"}) {
		t.Errorf("after the deletes: %q", names)
	}
}

func TestValueWithMetadata(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := errors.Join(form.WriteField("metadata", `{"a": "b"}`), form.WriteField("value", "the value"),
		form.Close()); err != nil {
		t.Fatal(err)
	}
	if a, err := c.try("PUT", ns+"/values/k?expiration_ttl=3600", form.FormDataContentType(), &body); err != nil ||
		!a.Success {
		t.Fatal(a, err)
	}
	c.value(ns, "k", "the value")
	var page []struct {
		Expiration int64
		Metadata   json.RawMessage
	}
	c.want("GET", ns+"/keys", "", &page)
	if len(page) != 1 || string(page[0].Metadata) != `{"a":"b"}` || page[0].Expiration < time.Now().Unix()+3500 {
		t.Errorf("list: %+v", page)
	}
}

// writeKeys writes keys p/000 … and returns their names.
func (c *client) writeKeys(ns string, n int) []string {
	c.t.Helper()
	var names, pairs []string
	for i := range n {
		names = append(names, fmt.Sprintf("p/%03d", i))
		pairs = append(pairs, fmt.Sprintf(`{"key":%q,"value":"v"}`, names[i]))
	}
	c.want("PUT", ns+"/bulk", "["+strings.Join(pairs, ",")+"]", nil)
	return names
}

func TestListPages(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	names := c.writeKeys(ns, 25)
	c.want("PUT", ns+"/values/q", "v", nil)
	c.want("PUT", ns+"/values/o", "v", nil)
	if got, pages := c.keys(ns, "limit=10&prefix=p%2F"); !slices.Equal(got, names) || pages != 3 {
		t.Errorf("%d pages: %q", pages, got)
	}
	c.Server.SetBehaviour(platform.Behaviour{EmptyPages: true})
	if got, pages := c.keys(ns, "limit=10&prefix=p%2F"); !slices.Equal(got, names) || pages != 6 {
		t.Errorf("with empty pages, %d pages: %q", pages, got)
	}
}

func TestListLag(t *testing.T) {
	c := start(t)
	ns, _ := c.namespace("n")
	c.want("PUT", ns+"/bulk", `[{"key":"a","value":"1"},{"key":"b","value":"1"}]`, nil)
	c.Server.SetBehaviour(platform.Behaviour{ListLag: time.Hour})
	c.want("DELETE", ns+"/values/a", "", nil)
	c.want("PUT", ns+"/values/c", "1", nil)
	c.refused("GET", ns+"/values/a", "", 404, 10009)
	if got, _ := c.keys(ns, ""); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("a list with lag: %q", got)
	}
	c.Server.SetBehaviour(platform.Behaviour{})
	if got, _ := c.keys(ns, ""); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("a list without lag: %q", got)
	}
}

func TestNamespaces(t *testing.T) {
	c := start(t)
	for _, title := range []string{"c", "a", "b"} {
		c.namespace(title)
	}
	var page []struct{ ID, Title string }
	c.want("GET", "/storage/kv/namespaces?page=2&per_page=2&order=title", "", &page)
	if len(page) != 1 || page[0].Title != "c" {
		t.Errorf("page 2: %+v", page)
	}
	path := "/storage/kv/namespaces/" + page[0].ID
	c.refused("PUT", path, `{"title":"a"}`, 400, 10014)
	c.want("PUT", path, `{"title":"d"}`, nil)
	c.want("PUT", path+"/values/k", "v", nil)
	c.want("DELETE", path, "", nil)
	c.refused("GET", path+"/values/k", "", 404, 10013)
}
