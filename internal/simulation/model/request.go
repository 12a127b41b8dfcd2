package model

import (
	"net/url"
	"strings"
)

// Request is a request to the API.
type Request struct {
	// By is who sends it.
	By     string
	Method string
	// Path is below the account, still escaped: "storage/kv/namespaces".
	Path  string
	Query url.Values
	Type  string
	Body  []byte
}

// routes are the calls by method and path. A segment * matches any.
var routes = []struct{ method, path, kind string }{
	{"GET", "storage/kv/namespaces", "kv.namespaces.list"},
	{"POST", "storage/kv/namespaces", "kv.namespaces.create"},
	{"PUT", "storage/kv/namespaces/*/bulk", "kv.bulk.put"},
	{"POST", "storage/kv/namespaces/*/bulk/delete", "kv.bulk.delete"},
	{"POST", "storage/kv/namespaces/*/bulk/get", "kv.bulk.get"},
	{"GET", "storage/kv/namespaces/*/keys", "kv.keys.list"},
	{"GET", "storage/kv/namespaces/*/values/*", "kv.values.get"},
	{"PUT", "storage/kv/namespaces/*/values/*", "kv.values.put"},
	{"GET", "workers/scripts", "workers.scripts.list"},
	{"PUT", "workers/scripts/*", "workers.scripts.put"},
	{"DELETE", "workers/scripts/*", "workers.scripts.delete"},
	{"GET", "workers/scripts/*/deployments", "workers.deployments.list"},
	{"POST", "workers/scripts/*/deployments", "workers.deployments.create"},
	{"POST", "workers/scripts/*/versions", "workers.versions.create"},
	{"GET", "workers/scripts/*/versions/*", "workers.versions.get"},
	{"PATCH", "workers/scripts/*/script-settings", "workers.settings.patch"},
	{"POST", "workers/scripts/*/subdomain", "workers.subdomain.enable"},
	{"GET", "workers/subdomain", "workers.subdomain.get"},
}

// Kind names the call, such as "kv.bulk.put", and the variable segments of its path.
func (r *Request) Kind() (kind string, args []string) {
	path := strings.Split(r.Path, "/")
	for _, route := range routes {
		if route.method != r.Method {
			continue
		}
		if args, ok := match(strings.Split(route.path, "/"), path); ok {
			return route.kind, args
		}
	}
	return "unknown", nil
}

func match(pattern, path []string) (args []string, ok bool) {
	if len(pattern) != len(path) {
		return nil, false
	}
	for i, p := range pattern {
		if p != "*" {
			if p != path[i] {
				return nil, false
			}
			continue
		}
		arg, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		args = append(args, arg)
	}
	return args, true
}

// Writes reports whether a call of this kind changes something.
func Writes(kind string) bool {
	switch kind {
	case "kv.bulk.put", "kv.bulk.delete", "kv.values.put", "kv.namespaces.create", "workers.scripts.put",
		"workers.scripts.delete", "workers.deployments.create", "workers.versions.create", "workers.settings.patch",
		"workers.subdomain.enable":
		return true
	}
	return false
}
