// Package platform is Cloudflare's API on this machine: Workers KV, scripts,
// versions, deployments, static assets and tokens under /client/v4, with the
// deployed Workers running in real workerd.
//
// A Server is an http.Handler. What it knows lies in one folder and survives
// kill -9. Latency, rate limits, stale lists, eventual consistency and faults are
// switched on by Options or, while it runs, by its methods and the control routes
// under /__platform. docs/local-platform.md says what is modelled and what is a guess.
//
// An account holds namespaces (kvlog.go, kvapi.go) and scripts (script.go). A
// script has versions (upload.go, version.go); its deployments say which of them
// are active (deployment.go), and those are served at the script's site: a
// loopback port (site.go) in front of a group of workerd services (group.go).
// Their bindings read KV (edge.go) and the Cache API (cacheapi.go) through the
// caches of one location (location.go, answers.go, freshness.go), which also
// answers for Workers that ask for it (workerscache.go).
//
// The package has its own wire types and imports neither the engine nor the
// Cloudflare adapter, so that it cannot inherit the client's misreadings.
package platform
