package worktree

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Remotes returns the clone's remotes as "host/owner/name" (see [RemoteName]), origin first. It
// leaves out addresses without a host, such as folders.
func (r *Repository) Remotes() []string {
	config, known, err := parseConfig(filepath.Join(r.CommonDir, "config"))
	if err != nil || !known {
		return nil
	}
	var first, others []string
	for _, remote := range config.Section("remote").Subsections {
		for _, address := range remote.OptionAll("url") {
			name := RemoteName(address)
			switch {
			case name == "":
			case remote.Name == "origin":
				first = append(first, name)
			default:
				others = append(others, name)
			}
		}
	}
	slices.Sort(others)
	return append(first, others...)
}

// RemoteName returns "host/owner/name" of a remote's address, in lower case and without user
// and password. It returns "" for an address without a host.
func RemoteName(address string) string {
	address = strings.TrimSpace(address)
	host, path := "", ""
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Scheme == "file" {
			return ""
		}
		host, path = u.Hostname(), u.Path
	} else {
		login, rest, ok := strings.Cut(address, ":")
		if !ok || strings.ContainsAny(login, "/\\") || len(login) == 1 { // a path, on Windows with a drive
			return ""
		}
		host, path = login[strings.LastIndex(login, "@")+1:], rest
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if host == "" || path == "" {
		return ""
	}
	return strings.ToLower(host + "/" + path)
}
