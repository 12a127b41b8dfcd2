package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/kv-sync/kv-sync/internal/loopback"
)

// hostList has the configured host names in lower case, with a port if configured.
type hostList map[string]bool

func newHostList(names []string) (hostList, error) {
	l := make(hostList)
	for _, name := range names {
		u, err := url.Parse("http://" + name)
		if err != nil || u.Host != name || u.Hostname() == "" || strings.ContainsAny(name, "*%") ||
			strings.HasSuffix(name, ":") {
			return nil, fmt.Errorf("host %q is not a host name; write it as deploy.example.com, without a scheme or a path",
				name)
		}
		l[strings.ToLower(name)] = true
	}
	return l, nil
}

// allow reports whether a Host header is configured or loopback.
func (l hostList) allow(host string) bool {
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return l[host] || l[name] || loopback.Host(strings.Trim(name, "[]"))
}

// peer is the sender of a request. secure means TLS, here or at the proxy.
type peer struct {
	address netip.Addr
	secure  bool
}

// peerOf returns the sender of a request. It trusts X-Forwarded-For and X-Forwarded-Proto
// only if a proxy on this machine sent the request, and only the values that this proxy
// added. It never reads X-Forwarded-Host, which would bypass the list of hosts.
func peerOf(r *http.Request) peer {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address if it is not TCP
	p := peer{address: from.Addr().Unmap().WithZone(""), secure: r.TLS != nil}
	if !p.address.IsLoopback() {
		return p
	}
	if a, err := netip.ParseAddr(lastOf(r.Header, "X-Forwarded-For")); err == nil {
		p.address = a.Unmap().WithZone("")
	}
	p.secure = p.secure || strings.EqualFold(lastOf(r.Header, "X-Forwarded-Proto"), "https")
	return p
}

func lastOf(h http.Header, name string) string {
	all := strings.Join(h.Values(name), ",")
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}
