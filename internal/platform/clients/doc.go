// Package clients has tests of the local platform with Cloudflare's own clients, wrangler and
// the SDKs. It has no code.
package clients
