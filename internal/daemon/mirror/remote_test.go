package mirror_test

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon/mirror"
)

// Only addresses of git's own transports are accepted, and none shows a password.
func TestRemote(t *testing.T) {
	for _, bad := range []string{
		"", "--upload-pack=touch x", "-x", "ext::sh -c touch", "fd::17", "git://example.com/x", "http://example.com/x",
		"ftp://example.com/x",
		"https://", "https://example.com", "https://example.com/", "https://u:p@example.com/x", "https://example.com/x?y",
		"https://exa mple.com/x",
		"ssh://-oProxyCommand=touch/x", "ssh://example.com/-x", "-oProxyCommand=touch:x", "git@-oProxyCommand=x:y",
		"example.com:-x", "user;x@h:p",
		"relative/path", "./x", "file://host/x", "a\nb:c", "javascript:alert(1)//\x00",
	} {
		var r mirror.Remote
		if err := r.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for good, shown := range map[string]string{
		"https://example.com/me/x.git":   "https://example.com/me/x.git",
		"https://tok@example.com:8443/x": "https://example.com:8443/x",
		"git@example.com:me/x.git":       "example.com:me/x.git", "example.com:me/x": "example.com:me/x",
		"ssh://git@example.com:2222/x": "ssh://example.com:2222/x",
		"/srv/x.git":                   "/srv/x.git", "file:///srv/x.git": "file:///srv/x.git",
		"http://127.0.0.1:8/x": "http://127.0.0.1:8/x",
		"http://localhost/x":   "http://localhost/x",
	} {
		var r mirror.Remote
		if err := r.UnmarshalText([]byte(good)); err != nil || r.String() != shown {
			t.Errorf("%q: %v, shown as %q", good, err, r)
		}
	}
}
