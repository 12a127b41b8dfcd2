package local

import (
	"net"
	"net/url"
	"strings"
)

// platformRoot returns the root address of the platform with this API address. It refuses an
// address that is not on loopback, so that the control token is sent nowhere else.
func platformRoot(api string) (string, bool) {
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return "", false
	}
	return strings.CutSuffix(api, "/client/v4")
}
