package local

import (
	"net"
	"net/url"
	"strings"
)

// trimAPI returns the platform's root, if the API is on loopback: the control
// token goes nowhere else, whatever the file says.
func trimAPI(api string) (string, bool) {
	u, err := url.Parse(api)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return "", false
	}
	return strings.CutSuffix(api, "/client/v4")
}
