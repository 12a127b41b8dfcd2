package main

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"
)

// sitekeys PREFIX N checks the number of keys with the prefix in the default namespace.
func siteKeys(ts *testscript.TestScript, neg bool, args []string) {
	list := gjson.Get(api(ts, http.MethodGet, namespaceTitled(ts, "kv-sync")+"/keys?prefix="+url.QueryEscape(args[0])),
		"result.#.name")
	if got := len(list.Array()); strconv.Itoa(got) != args[1] {
		ts.Fatalf("there are %d keys %s, want %s: %s", got, args[0], args[1], list.Raw)
	}
}

// spoil KEY writes other bytes under a key of a site.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	call(ts, http.MethodPut, namespaceTitled(ts, "kv-sync")+"/values/"+url.PathEscape(args[0]), testToken, "spoilt")
}
