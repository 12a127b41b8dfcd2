package webhook

import (
	"strings"
	"testing"
)

func TestSameRepository(t *testing.T) {
	same := [][]string{
		{
			"https://github.com/me/blog", "https://github.com/me/blog.git", "https://github.com/me/blog/",
			"https://github.com/me/blog.git/",
			"https://GitHub.com/me/blog.git", "https://user:token@github.com/me/blog.git", "https://github.com:443/me/blog",
			"http://github.com/me/blog", "git://github.com/me/blog.git", "git@github.com:me/blog.git",
			"git@github.com:/me/blog.git",
			"github.com:me/blog", "ssh://git@github.com/me/blog.git", "ssh://git@github.com:22/me/blog",
			"git+ssh://git@github.com/me/blog",
			"ssh://git@ssh.github.com:443/me/blog.git", "https://github.com./me/blog", "https://github.com//me//blog",
			" git@github.com:me/blog.git\n",
			"https://github.com/me/bl%6Fg", "https://github.com/Me/Blog", "git@github.com:ME/blog.git",
		},
		{"https://github.com/me/blog.github.io", "git@github.com:me/blog.github.io.git"},
		{
			"https://gitlab.com/group/sub/shop.git",
			"git@gitlab.com:group/sub/shop.git",
			"ssh://git@altssh.gitlab.com:443/group/sub/shop.git",
		},
		{"http://git.example.org:3000/me/docs.git", "ssh://gitea@git.example.org:2222/me/docs.git"},
		{"ssh://git@[2001:db8::1]:2222/me/blog", "git@[2001:db8::1]:me/blog.git", "[2001:DB8::1]:me/blog"},
		{"/srv/git/blog.git", "file:///srv/git/blog", "/srv/git/blog/"},
		{"/srv/git/Blog.git", "file:///srv/git/Blog"},
		{"git@github.com:me/a:b", "https://github.com/me/a:b"},
		{"a@b@example.com:me/x", "https://example.com/me/x"},
	}
	for i, group := range same {
		for _, a := range group {
			for j, other := range same {
				for _, b := range other {
					if got := SameRepository(a, b); got != (i == j) {
						t.Errorf("SameRepository(%q, %q) = %t: %q, %q", a, b, got, Repository(a), Repository(b))
					}
				}
			}
		}
	}
	for _, a := range []string{"", " ", "https://", "https://github.com", "https://github.com/", "github.com",
		"github.com/me/blog",
		"git@github.com:", "git@github.com:/", ":me/blog", "@:me/blog", "https:///me/blog", "file://host/me/blog",
		"https://github.com:x/me", "..", "/", "./blog", "[::1]", "ssh://git@host/%zz", "\x00://"} {
		if SameRepository(a, a) {
			t.Errorf("%q is an address: %q", a, Repository(a))
		}
	}
}

// The canonical form of an address has no credentials and ends in a name.
func FuzzRepository(f *testing.F) {
	for _, s := range []string{"https://u:p@github.com:443/me/blog.git", "git@github.com:me/blog.git",
		"ssh://git@[::1]:22/a/b", "[::1]:a", "/srv/x", "file:///x", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := Repository(s)
		if SameRepository(s, s) != (name != "") {
			t.Errorf("%q does not match itself", s)
		}
		host, dir, _ := strings.Cut(name, "/")
		if name != "" && (dir == "" || strings.HasSuffix(dir, "/") || strings.Contains(host, "@")) {
			t.Errorf("%q is %q", s, name)
		}
	})
}
