// Package cloudflare is the engine's view of a Cloudflare account, through
// Cloudflare's SDK: namespaces of Workers KV, Worker scripts, and nothing else.
//
// The SDK makes the requests: it knows the routes. Everything after that is
// done here, once, for all calls, because v7.9.0 does it wrongly or not at all
// (each of these has a test):
//
//   - Multipart bodies come out as flattened form fields: upload.go builds them.
//   - Key and script names go into the path as they are: segment escapes them.
//   - HTTP 200 with "success": false is no error there, an HTML page is an error
//     without a message, a missing member reads as zero: call.go reads answers.
//   - Its pager ends at an empty page, which KV sends in the middle of a listing.
//   - It retries switches, waits as long as Retry-After says, and takes no hint
//     from the Ratelimit header: retry.go and rate.go.
//   - Its unions fail on binding types that it does not know, such as
//     worker_loader: bindings are read as raw JSON.
//
// The path of one call: store.go or workers.go describes it, call.go sends it
// and reads the answer, retry.go decides what a failure means, attempt.go is
// one request on the wire, rate.go keeps all of them below the account's limit.
package cloudflare
