// Package workerd finds and runs workerd, Cloudflare's JavaScript runtime.
//
// Find returns the path of the binary. It downloads the binary once from the npm registry and
// verifies the download with a checksum in this package. Start runs one process with a
// configuration, and returns when its sockets accept requests. The process ends when the program
// that started it ends.
package workerd
