// Package cloudflare implements the engine's interfaces to a Cloudflare account with
// Cloudflare's SDK: namespaces of Workers KV, and Worker scripts.
//
// The SDK builds the requests, because it knows the routes. This package does the rest for
// all calls, because v7.9.0 does it incorrectly or not at all. Each of these has a test:
//
//   - It flattens multipart bodies to form fields: upload.go builds them.
//   - It does not escape key and script names in paths: segment escapes them.
//   - It treats HTTP 200 with "success": false as success, reports an HTML page without a
//     message, and reads a missing member as zero: call.go reads responses.
//   - Its pager stops at an empty page, which KV sends in the middle of a listing.
//   - It retries switches, waits for any Retry-After, and ignores the Ratelimit header:
//     retry.go and rate.go.
//   - Its unions fail on unknown binding types such as worker_loader: bindings are read as
//     raw JSON.
//
// The path of one call: store.go or workers.go describes it, call.go sends it and reads the
// response, retry.go decides what a failure means, attempt.go sends one request, and rate.go
// keeps all requests below the account's limit.
package cloudflare
