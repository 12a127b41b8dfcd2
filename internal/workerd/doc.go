// Package workerd finds and runs workerd, Cloudflare's JavaScript runtime.
//
// Find returns the path of the binary. It fetches the binary once from the npm registry and
// verifies an embedded checksum. Start runs one process with a configuration, and returns
// when its sockets accept requests. A process never outlives the program that started it.
package workerd
