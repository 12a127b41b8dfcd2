// Package platform implements Cloudflare's API on this machine: Workers KV, scripts,
// versions, deployments, static assets and tokens under /client/v4. Deployed Workers run
// in real workerd.
//
// A Server is an http.Handler. Its state is in one folder and survives kill -9. Options
// add latency, rate limits, stale lists, eventual consistency and faults. While the Server
// runs, methods and the control routes under /__platform change them.
// docs/local-platform.md says which behaviour is modelled and which is a guess.
//
// This package accepts requests: it checks tokens, applies limits and faults, and logs each
// request (journal.go, behaviour.go, token.go). The packages below it import only those before
// them in this list:
//
//   - api: calls, the envelope, errors and lists
//   - stored: the state on disk, in JSON files
//   - kv: namespaces, their API and the KV bindings of Workers
//   - edge: the caches of one location, for KV reads, the Cache API and Workers Caching
//   - scripts: scripts with their versions, deployments, settings, secrets and assets
//   - triggers: cron schedules, routes and custom domains
//   - resources: R2 buckets, D1 databases and queues, which Workers bind
//   - tails: the events that wrangler tail shows
//   - standin: substitutes for bindings that the platform does not implement
//   - workers: the runtime. Each script has a site, a loopback port, which passes requests on
//     to the active versions. These run in a group of workerd services.
//
// The packages have their own wire types, and import neither the engine nor the Cloudflare
// adapter. If the client misunderstands the API, the platform does not share the mistake.
package platform
