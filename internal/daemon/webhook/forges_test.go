package webhook

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is what TestForgeContract needs to know about a forge.
type sample struct {
	// secret is the configured form of the key that sign is called with.
	secret func(key string) string
	// sign returns the headers of a delivery.
	sign func(key string, body []byte, event, id string) []string
	// event is the forge's name for a push, fixture a body of one, want the result.
	event, fixture string
	want           []Push
	// remotes are other spellings of the repository's address.
	remotes []string
}

func same(s string) string { return s }

var samples = map[Forge]sample{
	GitHub: {
		secret: same, sign: github, event: "push", fixture: "github-push.json",
		want: []Push{{
			Ref: "refs/heads/main", After: "59b20b8d5c6ff8d09518216e87bc3a64e0b1e3b5",
			Addresses: []string{"https://github.com/me/blog.git", "git@github.com:me/blog.git", "https://github.com/me/blog"},
		}},
		remotes: []string{"ssh://git@ssh.github.com:443/me/blog.git", "https://user:token@github.com/Me/Blog"},
	},
	GitLab: {
		secret: func(key string) string { return signingToken + base64.StdEncoding.EncodeToString([]byte(key)) },
		sign:   gitlab, event: "Push Hook", fixture: "gitlab-push.json",
		want: []Push{{
			Ref: "refs/heads/feature/new-look", After: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
			Addresses: []string{
				"https://git.example.com/group/sub/shop.git", "ssh://git@git.example.com:2222/group/sub/shop.git",
				"https://git.example.com/group/sub/shop",
			},
		}},
		remotes: []string{"git@git.example.com:group/sub/shop.git"},
	},
	Gitea: {
		secret: same, sign: gitea, event: "push", fixture: "gitea-push.json",
		want: []Push{{
			Ref: "refs/heads/develop", After: "bffeb74224043ba2feb48d137756c8a9331c449a",
			Addresses: []string{
				"http://git.example.org:3000/me/docs.git", "ssh://gitea@git.example.org:2222/me/docs.git",
				"http://git.example.org:3000/me/docs",
			},
		}},
		remotes: []string{"gitea@git.example.org:me/docs"},
	},
}

// TestForgeContract checks what holds for every forge. A new forge needs a sample.
func TestForgeContract(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range forges {
		f := &forges[i]
		t.Run(string(f.name), func(t *testing.T) {
			s, ok := samples[f.name]
			if !ok {
				t.Fatal("the forge has no sample")
			}
			if !bytes.Contains(docs, []byte("`/"+string(f.name)+"`")) {
				t.Errorf("docs/daemon.md does not mention the path /%s", f.name)
			}
			c := contract{t, f, s, receive(t, Options{Hooks: []Hook{
				{Path: "/x", Forge: f.name, Secrets: []string{s.secret("the next key"), s.secret("the key")}, Remotes: s.remotes},
				{
					Path:    "/other",
					Forge:   f.name,
					Secrets: []string{s.secret("the key")},
					Remotes: []string{"https://elsewhere.example/me/x"},
				},
			}})}
			c.accepts(fixture(t, s.fixture))
			c.refuses(fixture(t, s.fixture))
		})
	}
}

type contract struct {
	t *testing.T
	f *forge
	s sample
	r *receiver
}

type sent struct {
	body    []byte
	headers []string
}

// post sends a delivery and checks its status and result.
func (c contract) post(name, path string, d sent, code int, result Result) {
	c.t.Helper()
	c.r.results = nil
	got, text := c.r.send(path, d.body, d.headers...)
	if got != code || !cmp.Equal(c.r.results, []Result{result}) {
		c.t.Errorf("%s: status %d, result %q, want %d, %q: %s", name, got, c.r.results, code, result, text)
	}
}

// accepts checks that a signed push is accepted once, with each of the hook's keys.
func (c contract) accepts(body []byte) {
	c.t.Helper()
	c.post("the current key", "/x", sent{body, c.s.sign("the key", body, c.s.event, "1")}, http.StatusAccepted, Accepted)
	c.post("the same id", "/x", sent{body, c.s.sign("the key", body, c.s.event, "1")}, http.StatusAccepted, Repeated)
	c.post("the next key", "/x", sent{body, c.s.sign("the next key", body, c.s.event, "2")}, http.StatusAccepted, Accepted)
	encoded, signed, code, result := form(body), form(body), http.StatusAccepted, Accepted
	switch c.f.form {
	case signedPayload:
		signed = body
	case jsonOnly:
		code, result = http.StatusUnsupportedMediaType, Malformed
	}
	c.post("a form", "/x", sent{encoded, append(c.s.sign("the key", signed, c.s.event, "3"), formType)}, code, result)

	got := c.r.pushes()
	var want []Push
	for _, id := range []string{"1", "2", "3"} {
		for _, p := range c.s.want {
			if p.Forge, p.Delivery = c.f.name, id; id != "3" || c.f.form != jsonOnly {
				want = append(want, p)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		c.t.Error(d)
	}
	for _, remote := range c.s.remotes {
		if !got[0].Of(remote) {
			c.t.Errorf("the push is not to %s", remote)
		}
	}
}

// refuses checks that nothing else is accepted.
func (c contract) refuses(body []byte) {
	c.t.Helper()
	before, garbage := len(c.r.pushes()), []byte(`{"ref":`)
	signed := func(key string, body []byte, event string) []string { return c.s.sign(key, body, event, "9") }
	c.post("no headers", "/x", sent{body, nil}, http.StatusUnauthorized, Unsigned)
	c.post("another key", "/x", sent{body, signed("a guess", body, c.s.event)}, http.StatusUnauthorized, Unsigned)
	c.post("an empty key", "/x", sent{body, signed("", body, c.s.event)}, http.StatusUnauthorized, Unsigned)
	other := append([]byte(" "), body...)
	c.post("another body", "/x", sent{other, signed("the key", body, c.s.event)}, http.StatusUnauthorized, Unsigned)
	c.post("another event", "/x", sent{body, signed("the key", body, "issue")}, http.StatusAccepted, Ignored)
	c.post("another repository", "/other", sent{body, signed("the key", body, c.s.event)}, http.StatusNotFound, Unknown)
	c.post("garbage", "/x", sent{garbage, signed("the key", garbage, c.s.event)}, http.StatusBadRequest, Malformed)
	if n := len(c.r.pushes()); n != before {
		c.t.Errorf("%d pushes were accepted", n-before)
	}
	for _, secrets := range [][]string{nil, {""}, {c.s.secret("the key"), ""}} {
		if _, err := New(Options{Hooks: []Hook{{Path: "/x", Forge: c.f.name, Secrets: secrets}}}); err == nil {
			c.t.Errorf("New accepts the secrets %q", secrets)
		}
	}
	if !strings.Contains(c.r.lines.String(), "path=/x") || strings.Contains(c.r.lines.String(), "the key") {
		c.t.Error("the log lacks the path or has a secret")
	}
}
