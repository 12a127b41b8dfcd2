// Package loopback decides which addresses are this machine's own, and keeps other machines and
// the web pages of other sites away from servers that listen on them.
package loopback

import (
	"net"
	"net/url"
	"regexp"
)

// names are the host names that RFC 6761 reserves for loopback.
var names = regexp.MustCompile(`(?i)^([a-z0-9_-]+\.)*localhost$`)

// Host reports whether a host, without a port and brackets, is this machine: a loopback address,
// localhost, or a name below localhost.
func Host(host string) bool {
	return names.MatchString(host) || net.ParseIP(host).IsLoopback()
}

// URL reports whether an address is an http or https URL of this machine.
func URL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && Host(u.Hostname())
}

// Private reports whether nobody on the network can read a request to a URL: it is https, or it
// does not leave this machine.
func Private(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Host(u.Hostname())
}
