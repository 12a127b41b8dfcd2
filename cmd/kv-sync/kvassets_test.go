package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// publish NAME FILE publishes a Worker as wrangler 1 does, with the file compiled
// into its wasm.
func publish(ts *testscript.TestScript, neg bool, args []string) {
	module := "\x00asm\x01\x00\x00\x00" + ts.ReadFile(args[1])
	putScript(ts, args[0],
		modulePart{"metadata", "application/json", `{"main_module":"worker.mjs","compatibility_date":"2026-01-01"}`},
		modulePart{"worker.mjs", "application/javascript+module",
			`import wasm from "./index_bg.wasm"; export default { fetch: () => new Response("rust") }`},
		modulePart{"index_bg.wasm", "application/wasm", module})
}

// kvNamespace returns the API address of the namespace with a Worker's files.
func kvNamespace(ts *testscript.TestScript, worker string) string {
	return namespaceTitled(ts, "__"+worker+"-workers_sites_assets")
}

// namespaceTitled returns the API address of the namespace with a title.
func namespaceTitled(ts *testscript.TestScript, title string) string {
	base := ts.Getenv("CLOUDFLARE_API_BASE_URL") + "/accounts/" + testAccount + "/storage/kv/namespaces"
	for _, ns := range gjson.Get(api(ts, http.MethodGet, base), "result").Array() {
		if ns.Get("title").String() == title {
			return base + "/" + ns.Get("id").String()
		}
	}
	ts.Fatalf("there is no namespace %s", title)
	return ""
}

func kvNames(ts *testscript.TestScript, worker, prefix string) (names []string) {
	for _, key := range gjson.Get(api(ts, http.MethodGet, kvNamespace(ts, worker)+
		"/keys?prefix="+url.QueryEscape(prefix)), "result").Array() {
		names = append(names, key.Get("name").String())
	}
	return names
}

// kvkeys NAME KEY… checks the keys of a Worker's files. It ignores kv-sync's records.
func kvKeys(ts *testscript.TestScript, neg bool, args []string) {
	got := slices.DeleteFunc(kvNames(ts, args[0], ""), func(k string) bool { return strings.HasPrefix(k, ".kv-sync/") })
	if !slices.Equal(got, args[1:]) {
		ts.Fatalf("the keys are %q, want %q", got, args[1:])
	}
}

// kvput NAME KEY VALUE writes a key as another tool does.
func kvPut(ts *testscript.TestScript, neg bool, args []string) {
	call(ts, http.MethodPut, kvNamespace(ts, args[0])+"/values/"+url.PathEscape(args[1]), testToken, args[2])
}

// age NAME HOURS moves the times of kv-sync's records back.
func age(ts *testscript.TestScript, neg bool, args []string) {
	var hours uint64
	_, err := fmt.Sscan(args[1], &hours)
	ts.Check(err)
	base := kvNamespace(ts, args[0])
	for _, key := range kvNames(ts, args[0], ".kv-sync/") {
		dir, text := key[:strings.LastIndexByte(key, '/')+1], key[strings.LastIndexByte(key, '/')+1:]
		ref, err := manifest.ParseRef(text)
		ts.Check(err)
		at := uint32(ref.Nonce.Time().Unix()) - uint32(hours*3600)
		ref.Nonce[0], ref.Nonce[1], ref.Nonce[2], ref.Nonce[3] = byte(at>>24), byte(at>>16), byte(at>>8), byte(at)
		value := api(ts, http.MethodGet, base+"/values/"+url.PathEscape(key))
		call(ts, http.MethodPut, base+"/values/"+url.PathEscape(dir+ref.String()), testToken, value)
		api(ts, http.MethodDelete, base+"/values/"+url.PathEscape(key))
	}
}
