package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"
)

// toDev sends a request to the API of kv-sync dev, or of the script's own platform, and returns
// the answer.
func toDev(ts *testscript.TestScript, method, path, body string) string {
	if own := ts.Getenv("CLOUDFLARE_API_BASE_URL"); own != "" {
		return call(ts, method, own+"/accounts/"+testAccount+path, testToken, body)
	}
	b, err := os.ReadFile(devFile(ts))
	ts.Check(err)
	at := gjson.ParseBytes(b)
	return call(ts, method, at.Get("api").String()+"/accounts/"+at.Get("account").String()+path, at.Get("token").String(),
		body)
}

// secret SCRIPT NAME VALUE sets a secret as wrangler secret put does.
func secret(ts *testscript.TestScript, neg bool, args []string) {
	toDev(ts, http.MethodPut, "/workers/scripts/"+args[0]+"/secrets",
		fmt.Sprintf(`{"name":%q,"text":%q,"type":"secret_text"}`, args[1], args[2]))
}

// edit METHOD URL BODY TOKEN STATUS changes a page over HTTP as an editor does.
// The status is exact, or 2xx.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest(args[0], args[1], strings.NewReader(args[2]))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[3])
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	if got := fmt.Sprint(res.StatusCode); got != args[4] && got[:1]+"xx" != args[4] {
		ts.Fatalf("%s %s: %s, %q", args[0], args[1], res.Status, b)
	}
}

// awaitkey KEY TEXT waits until the value of a key contains the text.
func awaitKey(ts *testscript.TestScript, neg bool, args []string) {
	namespaces := "/storage/kv/namespaces"
	namespace := namespaces + "/" + gjson.Get(toDev(ts, http.MethodGet, namespaces, ""), "result.0.id").String()
	if !eventually(func() bool {
		keys := toDev(ts, http.MethodGet, namespace+"/keys?prefix="+url.QueryEscape(args[0]), "")
		return strings.Contains(keys, `"`+args[0]+`"`) &&
			strings.Contains(toDev(ts, http.MethodGet, namespace+"/values/"+url.PathEscape(args[0]), ""), args[1])
	}) {
		ts.Fatalf("%s never had %s", args[0], args[1])
	}
}
