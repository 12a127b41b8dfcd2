package loopback

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Listen listens on a loopback address, and refuses any other address.
func Listen(addr string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	if !at.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address; use 127.0.0.1", addr)
	}
	return net.ListenTCP("tcp", at)
}

// RefusalReason returns why a request must be refused, or "". Any web page can make a browser
// send requests to loopback. So a request with a foreign host (DNS rebinding) or a foreign
// origin is refused.
func RefusalReason(r *http.Request) string {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	if !Host(host) {
		return "the Host header must name this machine's loopback address"
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		if _, own, _ := net.SplitHostPort(local.String()); own != port {
			return "the Host header must name the port that it was sent to"
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !Host(u.Hostname()) {
			return "requests from other origins are refused"
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && (r.Header.Get("Sec-Fetch-Mode") != "navigate" ||
		r.Method != http.MethodGet) {
		return "requests from other sites are refused"
	}
	return ""
}
