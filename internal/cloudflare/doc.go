// Package cloudflare implements the engine's interfaces to a Cloudflare account: namespaces of
// Workers KV, and Worker scripts. It uses Cloudflare's SDK.
//
// The SDK provides only the routes. This package does the rest of every call itself, because
// v7.9.0 of the SDK has these defects. Each has a test:
//
//   - The SDK flattens multipart bodies to form fields. Here upload.go builds them.
//   - The SDK does not escape key and script names in paths. Here segment escapes them.
//   - The SDK treats HTTP 200 with "success": false as success, reports an HTML page without
//     a message, and reads a missing member as zero. Here call.go reads responses.
//   - The pager of the SDK stops at an empty page. KV sends empty pages in the middle of a
//     listing.
//   - The SDK retries switches, waits for any Retry-After, and ignores the Ratelimit header.
//     Here retry.go and rate.go decide.
//   - The types of the SDK fail on unknown binding types such as worker_loader. Here bindings
//     are raw JSON.
//
// The steps of one call: store.go or workers.go describes it, call.go sends it and reads the
// response, retry.go decides what a failure means, attempt.go sends one request, and rate.go
// keeps all requests below the account's limit.
package cloudflare
