// Package model is Cloudflare as the simulation runs kv-sync against it: one central store
// for the namespaces of Workers KV and the scripts with their versions and deployments, and
// locations with caches from which visitors read.
//
// [Cloud.Handle] answers the requests of the API. A [View] makes an answer incomplete or
// outdated, as KV may. Nothing in this package waits or is random, and it knows nothing of
// kv-sync: neither its formats nor its code. Its methods must not be called at the same time.
//
// What is assumed of Workers KV: a write is central at once; a location sees it within
// [SeenWithin], and keeps what it read, also that there is nothing, for [CachedFor].
package model
