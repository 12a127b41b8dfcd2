// Package simulation runs kv-sync against a model of Cloudflare, to find an order of requests
// and a fault that break a promise.
//
// The engine and the client of the API are the real ones. Each run of kv-sync is a
// [Process] of a [World]. Each of its requests waits until the world carries it out, one at a
// time, in an order that a seed decides, or has a [Fault] strike it. Time is that of
// testing/synctest, so an hour costs nothing, and a seed gives the same history each time. After
// each step a [inspect.Checker] looks at what visitors get and at what is stored.
//
// The tests have two parts. The exhaustive one strikes each request of each [Scenario] with each
// fault, runs again, and checks; its table is in docs/safety.md. The random one has several
// processes at once.
package simulation
