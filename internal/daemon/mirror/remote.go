package mirror

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/loopback"
)

// Remote is the address of a repository, in a form that git only opens with its own
// transports.
type Remote struct {
	address string // as it is passed to git
	// user logs in over http and https. It may be a token, so it is not part of the
	// address, which git passes in arguments that every local user can read.
	user string
	// protocol is the only one that git may use.
	protocol string
}

var errRemote = errors.New(`write "https://host/path", "ssh://user@host/path", "user@host:path", ` +
	`or the absolute path of a repository on this machine`)

// UnmarshalText reads an address. It refuses transport helpers ("ext::"), options
// ("--upload-pack") and protocols without encryption.
func (r *Remote) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" || s[0] == '-' || strings.Contains(s, "::") ||
		strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }) >= 0 {
		return errRemote
	}
	switch {
	case filepath.IsAbs(s):
		*r = Remote{address: s, protocol: "file"}
		return nil
	case strings.Contains(s, "://"):
		return r.url(s)
	}
	// The form of scp, with a colon before the first slash.
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
			return errors.New("remove the password; use a credential helper of git or a deploy key (ssh)")
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
		if !loopback.Host(host) {
			return errors.New("use https; http is allowed only on this machine")
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

// origin is the part of an http or https address that selects git's credentials.
func (r Remote) origin() string {
	scheme, rest, _ := strings.Cut(r.address, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority
}

// host identifies the server of the repository: the protocol, the host and the port. It is
// the same for all repositories on this machine.
func (r Remote) host() string {
	switch {
	case r.protocol == "file":
		return "file"
	case strings.Contains(r.address, "://"):
		u, err := url.Parse(r.address)
		if err != nil {
			return r.address
		}
		return strings.ToLower(r.protocol + "://" + u.Host)
	}
	login, _, _ := strings.Cut(r.address, ":")
	return strings.ToLower("ssh://" + login[strings.LastIndex(login, "@")+1:])
}

// settings returns the git configuration that the remote needs beside its address.
func (r Remote) settings() [][2]string {
	if r.user == "" {
		return nil
	}
	return [][2]string{{"credential." + r.origin() + ".username", r.user}}
}

// redactor extends redact: it also removes the user, which may be a token for https.
func (r Remote) redactor(redact func(string) string) func(string) string {
	if r.user == "" {
		return redact
	}
	host := strings.TrimPrefix(r.origin(), r.protocol+"://")
	login := strings.NewReplacer(r.protocol+"://"+url.User(r.user).String()+"@"+host, r.origin(),
		r.protocol+"://"+r.user+"@"+host, r.origin())
	return func(text string) string { return redact(login.Replace(text)) }
}

func validHost(h string) bool {
	return h != "" && h[0] != '-' && !strings.ContainsAny(h, `/\'"$;&|<>()`+"`")
}

func validUser(u string) bool {
	return u != "" && u[0] != '-' && !strings.ContainsAny(u, `:/\'"$;&|<>()`+"`")
}

// String returns the address without the user.
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

// ValidBranch reports whether git accepts a branch's name, and not as an option.
func ValidBranch(b string) bool {
	if b == "" || len(b) > 250 || b == "@" || strings.ContainsAny(b, " ~^:?*[\\\x7f") || strings.Contains(b, "..") ||
		strings.Contains(b, "@{") || strings.HasPrefix(b, "-") {
		return false
	}
	for part := range strings.SplitSeq(b, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return strings.IndexFunc(b, func(c rune) bool { return c < ' ' }) < 0
}
