package webhook

import (
	"net/url"
	"path"
	"strings"
)

// SameRepository says whether two addresses mean one repository, however they are
// written: over https or ssh, as a URL or as host:path, with or without ".git",
// user, password and port. Case does not count, as it does not for the forges; the
// path of a repository on this machine is as it is written.
//
// Two servers on one host that differ only in their port are one to it: an address
// for ssh has another port than the one for https, and to look at one repository
// too many is cheap, while a missed push is not.
func SameRepository(a, b string) bool {
	a = Repository(a)
	return a != "" && a == Repository(b)
}

// Repository is the form of an address that [SameRepository] compares, such as
// "github.com/me/blog"; "" if it is none. It holds no credentials. A path on this
// machine begins with a slash.
func Repository(address string) string {
	host, dir, ok := split(strings.TrimSpace(address))
	if !ok {
		return ""
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if front, ok := sshFronts[host]; ok {
		host = front
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

// sshFronts are hosts at which a forge answers ssh on port 443, for people whose
// network lets nothing else out.
var sshFronts = map[string]string{
	"ssh.github.com":    "github.com",
	"altssh.gitlab.com": "gitlab.com",
}

// split takes an address apart as git does: a URL, or host:path where no slash
// stands before the colon, or a path.
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
	if open := strings.LastIndex(address, "["); open >= 0 && strings.HasPrefix(host, "[") { // an IPv6 address has colons of its own
		host, dir, ok = strings.Cut(address[open+1:], "]:")
	}
	if !ok || host == "" || dir == "" || strings.Contains(host, "/") {
		return "", "", false
	}
	return host, dir, true
}
