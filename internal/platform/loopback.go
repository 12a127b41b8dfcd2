package platform

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// refusalReason returns why a request must be refused, or "". Any web page can make a browser
// send requests to loopback. So a request with a foreign host (DNS rebinding) or a foreign
// origin is refused.
func refusalReason(r *http.Request) string {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	if !isLoopback(host) {
		return "the Host header must name this machine's loopback address"
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		if _, own, _ := net.SplitHostPort(local.String()); own != port {
			return "the Host header must name the port that it was sent to"
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !isLoopback(u.Hostname()) {
			return "requests from other origins are refused"
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && (r.Header.Get("Sec-Fetch-Mode") != "navigate" ||
		r.Method != http.MethodGet) {
		return "requests from other sites are refused"
	}
	return ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
