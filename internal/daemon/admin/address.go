package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// hostList is the configured names by which the page is reached, in lower case
// and with a port only where the configuration gives one.
type hostList map[string]bool

func newHostList(names []string) (hostList, error) {
	l := make(hostList)
	for _, name := range names {
		u, err := url.Parse("http://" + name)
		if err != nil || u.Host != name || u.Hostname() == "" || strings.ContainsAny(name, "*%") || strings.HasSuffix(name, ":") {
			return nil, fmt.Errorf("host %q is no host name; write it as deploy.example.com, without a scheme or a path", name)
		}
		l[strings.ToLower(name)] = true
	}
	return l, nil
}

// allow reports whether a Host header is one of ours.
func (l hostList) allow(host string) bool {
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	return l[host] || l[name] || isLoopback(strings.Trim(name, "[]"))
}

func isLoopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || ip != nil && ip.IsLoopback()
}

// peer is who sent a request, and whether nobody could read it on its way.
type peer struct {
	address netip.Addr
	secure  bool
}

// peerOf believes X-Forwarded-For and -Proto of a proxy on this machine, and
// there only what the nearest proxy has added. X-Forwarded-Host is never read:
// whoever may name the host could pass the list of hosts.
func peerOf(r *http.Request) peer {
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address for a socket of another kind
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
