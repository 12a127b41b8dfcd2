// Package simulation runs kv-sync against a model of Cloudflare, to find an order of requests
// and a fault that break a promise.
//
// The engine and the client of the API are the real ones. Each run of kv-sync is a [Process] of a
// [World]. The world carries out the requests of all processes one at a time, in an order that a
// seed decides, or injects a [Fault]. The clock is that of testing/synctest, so waiting takes no
// time, and the same seed gives the same history. After each step an [inspect.Checker] checks what
// visitors get and what is stored.
//
// The tests have two parts. The exhaustive part injects each fault into each request of each
// [Scenario], runs the scenario again, and checks the result; docs/safety.md has its table. The
// random part runs several processes at the same time.
package simulation
