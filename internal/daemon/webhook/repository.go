package webhook

import (
	"net/url"
	"path"
	"strings"
)

// SameRepository reports whether two addresses name the same repository. It
// ignores the form (https or ssh, URL or host:path), the suffix ".git", the user,
// the password, the port and, as forges do, the case. The case of a local path
// counts.
//
// Two servers on one host that differ only in their port are therefore the same:
// ssh and https have different ports, and a superfluous poll is cheaper than a
// missed push.
func SameRepository(a, b string) bool {
	a = Repository(a)
	return a != "" && a == Repository(b)
}

// Repository returns the canonical form of an address, such as
// "github.com/me/blog", or "" for an invalid one. It has no credentials. The form
// of a local path begins with a slash.
func Repository(address string) string {
	host, dir, ok := split(strings.TrimSpace(address))
	if !ok {
		return ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if alias, ok := sshHosts[host]; ok {
		host = alias
	}
	dir = path.Clean("/" + dir)
	dir = strings.TrimSuffix(strings.TrimSuffix(dir, ".git"), "/")
	if dir == "" {
		return ""
	}
	if host == "" {
		return dir
	}
	return host + strings.ToLower(dir)
}

// sshHosts maps hosts that serve ssh on port 443, for restricted networks, to the
// forge's usual host.
var sshHosts = map[string]string{
	"ssh.github.com":    "github.com",
	"altssh.gitlab.com": "gitlab.com",
}

// split divides an address as git does: a URL, or host:path without a slash before
// the colon, or a path.
func split(address string) (host, dir string, ok bool) {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || (u.Host == "") != (u.Scheme == "file") {
			return "", "", false
		}
		return u.Hostname(), u.Path, true
	}
	if strings.HasPrefix(address, "/") {
		return "", address, true
	}
	host, dir, ok = strings.Cut(address, ":")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
	}
	// An IPv6 address contains colons.
	if open := strings.LastIndex(address, "["); open >= 0 && strings.HasPrefix(host, "[") {
		host, dir, ok = strings.Cut(address[open+1:], "]:")
	}
	if !ok || host == "" || dir == "" || strings.ContainsAny(host, "/@") {
		return "", "", false
	}
	return host, dir, true
}
