// Package workerd finds and runs workerd, Cloudflare's JavaScript runtime.
//
// Find returns the path of the binary, which it fetches once from the npm
// registry and checks against an embedded checksum. Start runs one process from
// a configuration and returns when its sockets accept requests. A process ends
// with the program that started it, whatever ends that.
package workerd
