// Package standin gives a Worker on the local platform something in place of the resources that
// its bindings name, and that exist only in a Cloudflare account.
//
// D1 databases and queues run in workerd, which has them built in. Their data are on the disk of
// the Worker's Durable Objects. Rate limits count in memory. A data set of Analytics Engine and an
// email are accepted and go nowhere. A service binding to a Worker that is not deployed answers
// 503. Every other binding throws an error when the Worker uses it, which says what is missing.
//
// The package writes parts of a workerd configuration. It starts nothing, and knows no account.
package standin
