// Package kv implements Workers KV for the local platform: its API under
// /accounts/{account}/storage/kv, and the requests of workerd's KV bindings.
//
// A namespace is a log in a file (namespace.go, log.go). namespaces.go, values.go and
// bulk.go have the API; binding.go serves bindings.
package kv
