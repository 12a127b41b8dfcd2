// Package platform implements Cloudflare's API on this machine: Workers KV, scripts,
// versions, deployments, static assets and tokens under /client/v4. Deployed Workers run
// in real workerd.
//
// A Server is an http.Handler. Its state is in one folder and survives kill -9. Options
// add latency, rate limits, stale lists, eventual consistency and faults. While the Server
// runs, methods and the control routes under /__platform change them.
// docs/local-platform.md says which behaviour is modelled and which is a guess.
//
// An account has namespaces (kvlog.go, kvapi.go) and scripts (script.go). A script has
// versions (upload.go, version.go) and deployments, which say which versions are active
// (deployment.go). Each script has a site, a loopback port (site.go). It passes requests
// on to the active versions, which run in a group of workerd services (group.go). Their
// bindings use KV (edge.go) and the Cache API (cacheapi.go) through the caches of one
// location (location.go, responsecache.go, freshness.go). Workers Caching uses these
// caches, too (workerscache.go).
//
// The package has its own wire types, and imports neither the engine nor the Cloudflare
// adapter. If the client misunderstands the API, the platform does not share the mistake.
package platform
