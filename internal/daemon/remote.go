package daemon

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// Remote is the address of a repository, of a form that cannot make git run
// anything but its own transports.
type Remote struct {
	address string // as git gets it
	// user logs in over http and https. It is no part of the address: it may be a
	// token, and git passes the address on in arguments, which everybody can read.
	user string
	// protocol is the one that git may use for it.
	protocol string
}

var errRemote = errors.New(`write "https://host/path", "ssh://user@host/path", "user@host:path", or the absolute path of a repository on this machine`)

// UnmarshalText reads an address and refuses what is none: transport helpers
// ("ext::"), options ("--upload-pack"), protocols without encryption.
func (r *Remote) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" || s[0] == '-' || strings.Contains(s, "::") || strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }) >= 0 {
		return errRemote
	}
	switch {
	case filepath.IsAbs(s):
		*r = Remote{address: s, protocol: "file"}
		return nil
	case strings.Contains(s, "://"):
		return r.url(s)
	}
	// As scp writes it. Git asks for a colon before the first slash.
	login, rest, ok := strings.Cut(s, ":")
	user, host, named := strings.Cut(login, "@")
	if !named {
		user, host = "git", login
	}
	if !ok || strings.Contains(login, "/") || !validHost(host) || !validUser(user) || rest == "" || rest[0] == '-' {
		return errRemote
	}
	*r = Remote{address: s, protocol: "ssh"}
	return nil
}

func (r *Remote) url(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || len(u.Path) < 2 || u.Path[1] == '-' {
		return errRemote
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return errors.New("take the password out: give it to git by a credential helper, or use a deploy key (ssh)")
		}
		if !validUser(u.User.Username()) {
			return errRemote
		}
	}
	host := u.Hostname()
	switch u.Scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return errRemote
		}
	case "https", "ssh":
		if !validHost(host) {
			return errRemote
		}
	case "http":
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return errors.New("use https: http is for this machine alone")
		}
	default:
		return errRemote
	}
	*r = Remote{address: s, protocol: u.Scheme}
	if u.User != nil && (u.Scheme == "https" || u.Scheme == "http") {
		r.user, r.address = u.User.Username(), r.String()
	}
	return nil
}

// origin is the part of an http or https address by which git chooses credentials.
func (r Remote) origin() string {
	scheme, rest, _ := strings.Cut(r.address, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority
}

// settings are those of git's configuration that the remote needs beside its
// address.
func (r Remote) settings() [][2]string {
	if r.user == "" {
		return nil
	}
	return [][2]string{{"credential." + r.origin() + ".username", r.user}}
}

// redactor takes whoever logs in out of a text, too: with https that may be a token.
func (r Remote) redactor(redact func(string) string) func(string) string {
	if r.user == "" {
		return redact
	}
	host := strings.TrimPrefix(r.origin(), r.protocol+"://")
	login := strings.NewReplacer(r.protocol+"://"+url.User(r.user).String()+"@"+host, r.origin(), r.protocol+"://"+r.user+"@"+host, r.origin())
	return func(text string) string { return redact(login.Replace(text)) }
}

func validHost(h string) bool {
	return h != "" && h[0] != '-' && !strings.ContainsAny(h, `/\'"$;&|<>()`+"`")
}

func validUser(u string) bool {
	return u != "" && u[0] != '-' && !strings.ContainsAny(u, `:/\'"$;&|<>()`+"`")
}

// String is the address without whoever logs in.
func (r Remote) String() string {
	s := r.address
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		authority, below, _ := strings.Cut(rest, "/")
		return scheme + "://" + authority[strings.LastIndex(authority, "@")+1:] + "/" + below
	}
	if r.protocol == "ssh" {
		login, below, _ := strings.Cut(s, ":")
		return login[strings.LastIndex(login, "@")+1:] + ":" + below
	}
	return s
}

// validBranch holds a branch to what git takes, and to what is no option.
func validBranch(b string) bool {
	if b == "" || len(b) > 250 || b == "@" || strings.ContainsAny(b, " ~^:?*[\\\x7f") || strings.Contains(b, "..") || strings.Contains(b, "@{") || strings.HasPrefix(b, "-") {
		return false
	}
	for part := range strings.SplitSeq(b, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return strings.IndexFunc(b, func(c rune) bool { return c < ' ' }) < 0
}
