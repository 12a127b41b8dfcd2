// Package platform is Cloudflare's API on this machine: Workers KV, scripts,
// versions, deployments, static assets and tokens under /client/v4, with the
// deployed Workers running in real workerd.
//
// A Server is an http.Handler. Its state is in one folder and survives kill -9. Options
// switch on latency, rate limits, stale lists, eventual consistency and faults; methods
// and the control routes under /__platform do so while the Server runs.
// docs/local-platform.md says what is modelled and what is a guess.
//
// An account has namespaces (kvlog.go, kvapi.go) and scripts (script.go). A script has
// versions (upload.go, version.go). Its deployments say which of them are active
// (deployment.go). The script's site, a loopback port (site.go), passes requests on to
// the active versions, which run in a group of workerd services (group.go). Their
// bindings use KV (edge.go) and the Cache API (cacheapi.go) through the caches of one
// location (location.go, responsecache.go, freshness.go). Workers Caching uses these
// caches, too (workerscache.go).
//
// The package has its own wire types, and imports neither the engine nor the Cloudflare
// adapter. So it cannot repeat the client's misreadings of the API.
package platform
