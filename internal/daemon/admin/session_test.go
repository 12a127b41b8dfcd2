package admin_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

// session returns the cookie of a login.
func session(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	if len(a.Cookies()) != 1 {
		t.Fatalf("the cookies are %v", a.Cookies())
	}
	return a.Cookies()[0]
}

func TestSessions(t *testing.T) {
	s := serve(t, tides())
	first := session(t, s.tryLogin(user, password))
	if first.Name != "kv-sync" || !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" ||
		first.Domain != "" || first.Secure || len(first.Value) != 43 {
		t.Errorf("the cookie is %v", first)
	}
	// A login makes a new session with another token, and ends the old one.
	token := s.token()
	second := session(t, s.tryLogin(user, password))
	if second.Value == first.Value || s.token() == token {
		t.Error("a login keeps the session")
	}
	code := func(value string) int {
		other := &served{T: t, server: s.server, http: s.browser()}
		return other.get("/", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "kv-sync", Value: value}) }).StatusCode
	}
	if code(first.Value) != http.StatusSeeOther {
		t.Error("the old session is still valid")
	}
	for _, forged := range []string{"", "x", second.Value[:42], second.Value + "x", strings.ToLower(second.Value)} {
		if code(forged) != http.StatusSeeOther {
			t.Errorf("the cookie %q is accepted", forged)
		}
	}
	if code(second.Value) != http.StatusOK {
		t.Error("the valid cookie is refused")
	}
	// A session ends after some time without a request.
	s.clock.advance(admin.IdleFor - 1)
	s.get("/").is(t, http.StatusOK)
	s.clock.advance(admin.IdleFor)
	s.get("/").is(t, http.StatusSeeOther)
	// It also ends at the end of its lifetime.
	s.logIn()
	for d := time.Duration(0); d < admin.LastsFor-time.Hour; d += time.Hour {
		s.clock.advance(time.Hour)
		s.get("/").is(t, http.StatusOK)
	}
	s.clock.advance(time.Hour)
	s.get("/").is(t, http.StatusSeeOther)
}

func TestSessionsAreBounded(t *testing.T) {
	s := serve(t, tides())
	first := s.http
	s.logIn()
	s.http = s.browser()
	second := s.http
	s.clock.advance(time.Second)
	s.logIn()
	s.clock.advance(time.Second)
	s.http = first
	s.get("/").is(t, http.StatusOK) // more recently than the second
	for range admin.MaxSessions - 1 {
		s.http = s.browser()
		s.logIn()
	}
	s.http = first
	s.get("/").is(t, http.StatusOK)
	s.http = second
	s.get("/").is(t, http.StatusSeeOther)
}

func TestLogOut(t *testing.T) {
	s := serve(t, tides())
	cookie := session(t, s.tryLogin(user, password))
	s.get("/logout").is(t, http.StatusMethodNotAllowed)
	s.get("/").is(t, http.StatusOK)
	gone := session(t, s.post("/logout", url.Values{"token": {s.token()}}).is(t, http.StatusSeeOther))
	if gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("the browser keeps %v", gone)
	}
	s.get("/", func(r *http.Request) { r.AddCookie(cookie) }).is(t, http.StatusSeeOther)
}

// Over TLS, here or at a proxy on this machine, the cookie has the prefix __Host-, and
// no other name is accepted.
func TestSecureCookie(t *testing.T) {
	s := serve(t, tides())
	https := with("X-Forwarded-Proto", "https")
	a := s.tryLogin(user, password, https).is(t, http.StatusSeeOther)
	c := session(t, a)
	if c.Name != "__Host-kv-sync" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" ||
		c.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie is %v", c)
	}
	as := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: c.Value}) }
	}
	s.http = s.browser()
	s.get("/", https, as("__Host-kv-sync")).is(t, http.StatusOK)
	s.get("/", https, as("kv-sync")).is(t, http.StatusSeeOther)

	// The header counts only from a proxy on this machine.
	for name, c := range map[string]struct {
		remote, proto string
		tls, secure   bool
	}{
		"a proxy here":         {"127.0.0.1:1", "https", false, true},
		"a proxy here by IPv6": {"[::1]:1", "HTTPS", false, true},
		"two proxies":          {"127.0.0.1:1", "http, https", false, true},
		"what a client says":   {"127.0.0.1:1", "https, http", false, false},
		"plain":                {"127.0.0.1:1", "", false, false},
		"from afar":            {"192.0.2.1:1", "https", false, false},
		"a socket":             {"@", "https", false, false},
		"TLS":                  {"192.0.2.1:1", "", true, true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/login",
			strings.NewReader(url.Values{"user": {user}, "password": {password}}.Encode()))
		r.RemoteAddr = c.remote
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("X-Forwarded-Proto", c.proto)
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		s.page.ServeHTTP(w, r)
		cookies := w.Result().Cookies() //nolint:bodyclose // a recorder's
		if len(cookies) != 1 || cookies[0].Secure != c.secure {
			t.Errorf("%s: the cookie is %v", name, cookies)
		}
	}
}
