package admin_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

// Everything but the login and its style wants a session; without one nothing
// is said, not even whether a site is there, and nothing is done.
func TestWithoutASession(t *testing.T) {
	s := serve(t, tides())
	open, closed := admin.Routes(s.page, "tides", twoID)
	if want := [][2]string{{"GET", "/style.css"}, {"GET", "/icon.svg"}, {"GET", "/login"}, {"POST", "/login"}}; !slices.Equal(open, want) {
		t.Errorf("open are %v", open)
	}
	if len(closed) != 7 {
		t.Errorf("closed are %v", closed)
	}
	_, absent := admin.Routes(s.page, "other", "nothing")
	for _, r := range append(closed, absent...) {
		a := s.send(r[0], r[1], url.Values{"token": {""}, "live": {threeID}}).is(t, http.StatusSeeOther)
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/login") {
			t.Errorf("%v leads to %q", r, to)
		}
		if strings.Contains(a.text, "subject") {
			t.Errorf("%v tells: %s", r, a.text)
		}
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("asked for %s", got)
	}
	for _, r := range open {
		if r[0] == "GET" {
			s.get(r[1]).is(t, http.StatusOK)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/github", "/sites/", "/sites", "/sites/tides/", "/index.html", "/.git/config"} {
		s.get(path).is(t, http.StatusNotFound)
	}
}

func TestHeaders(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	for path, code := range map[string]int{"/": 200, "/sites/tides": 200, "/sites/other": 404, "/nowhere": 404, "/login": 303, "/style.css": 200} {
		h := s.get(path).is(t, code).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if path == "/style.css" && name == "Cache-Control" {
				want = "private, max-age=86400" // it tells nothing
			}
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s is %q", name, path, got)
			}
		}
	}
}

// Under a foreign name nothing is answered, whatever is asked for.
func TestHost(t *testing.T) {
	s := serve(t, tides(), func(o *admin.Options) {
		o.Hosts = []string{"Deploy.example.com", "other.example.com:8443", "[fd00::1]"}
	})
	s.logIn()
	for name, code := range map[string]int{
		"localhost": 200, "localhost:1": 200, "LOCALHOST:80": 200, "admin.localhost:99": 200, "127.0.0.1": 200, "127.9.9.9:80": 200, "[::1]": 200, "[::1]:80": 200,
		"deploy.example.com": 200, "DEPLOY.example.com:1234": 200, "other.example.com:8443": 200, "[fd00::1]": 200,
		"other.example.com": 421, "other.example.com:80": 421, "evil.example": 421, "evil.example:80": 421, "localhost.evil.example": 421, "notlocalhost": 421,
		"deploy.example.com.evil.example": 421, "x.deploy.example.com": 421, "127.0.0.1.evil.example": 421, "0.0.0.0": 421, "[::]": 421, "192.168.1.1": 421, "deploy.example.com.": 421,
	} {
		s.get("/style.css", host(name)).is(t, code)
		for _, r := range []func(*http.Request){with("X-Forwarded-Host", "localhost"), with("Forwarded", "host=localhost")} {
			s.get("/style.css", host(name), r).is(t, code)
		}
	}
	// Before anything else: a login is not even tried.
	s.tryLogin(user, password, host("evil.example"), with("Origin", "http://evil.example")).is(t, http.StatusMisdirectedRequest)
	s.get("/nowhere", host("evil.example")).is(t, http.StatusMisdirectedRequest)
}

func TestLogin(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, tides(), func(o *admin.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	var texts []string
	for _, try := range [][2]string{{user, "wrong"}, {"somebody", password}, {"somebody", "wrong"}, {"", ""}, {user, ""}, {"", password}, {user, password + " "}, {user + password, ""}} {
		a := s.tryLogin(try[0], try[1]).is(t, http.StatusUnauthorized)
		if len(a.Cookies()) != 0 {
			t.Errorf("%v was given %v", try, a.Cookies())
		}
		a.text = strings.NewReplacer(` value="`+try[0]+`"`, ` value=""`, " autofocus", "").Replace(a.text)
		texts = append(texts, a.text)
		s.clock.turn(admin.AttemptsWithin)
	}
	for _, text := range texts[1:] {
		if text != texts[0] {
			t.Errorf("wrong logins are told apart:\n%s\n%s", texts[0], text)
		}
	}
	s.get("/?user="+user+"&password="+url.QueryEscape(password)).is(t, http.StatusSeeOther) // never from the address
	s.post("/login?user="+user+"&password="+url.QueryEscape(password), nil).is(t, http.StatusUnauthorized)
	s.tryLogin(user, password).is(t, http.StatusSeeOther)
	s.get("/").is(t, http.StatusOK)
	s.tryLogin(password, user)
	if strings.Contains(log.String(), password) {
		t.Errorf("the log has the password:\n%s", log.String())
	}
}

func TestNext(t *testing.T) {
	for next, want := range map[string]string{
		"": "/", "/": "/", "/sites/tides": "/sites/tides", "/sites/project%2Ftides": "/sites/project%2Ftides",
		"/sites/tides/rollback/" + twoID: "/sites/tides/rollback/" + twoID,
		"//evil.example":                 "/", "/\\evil.example": "/", "https://evil.example": "/", "https:evil.example": "/", "javascript:alert(1)": "/", "evil.example": "/",
		"/sites/../..//evil.example": "/", "/sites//evil.example": "/", "/\t/evil.example": "/", "/sites/tides\n": "/", "\r\nSet-Cookie: a=b": "/", "/logout": "/", " /sites/tides": "/", "/sites/tides?x": "/",
	} {
		s := serve(t, tides())
		a := s.post("/login", url.Values{"user": {user}, "password": {password}, "next": {next}}).is(t, http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q", next, got)
		}
		if got := s.get("/login?next="+url.QueryEscape(next)).is(t, http.StatusSeeOther).Header.Get("Location"); got != want {
			t.Errorf("who is logged in is led by next=%q to %q", next, got)
		}
		s.http = s.browser()
		s.get("/login?next="+url.QueryEscape(next)).says(t, `name="next" value="`+want+`"`)
	}
	s := serve(t, tides())
	for _, r := range [][3]string{
		{"GET", "/sites/tides", "/login?next=%2Fsites%2Ftides"}, {"POST", "/sites/tides/look", "/login?next=%2Fsites%2Ftides"}, {"GET", "/", "/login"}, {"POST", "/logout", "/login"},
		{"POST", "/sites/project%2Ftides/rollback/x", "/login?next=%2Fsites%2Fproject%252Ftides"}, {"GET", "/sites/%2F%2Fevil.example", "/login"},
	} {
		if got := s.send(r[0], r[1], nil).is(t, http.StatusSeeOther).Header.Get("Location"); got != r[2] {
			t.Errorf("%s %s leads to %q", r[0], r[1], got)
		}
	}
}

func TestAttempts(t *testing.T) {
	s := serve(t, tides())
	from := func(address string) func(*http.Request) { return with("X-Forwarded-For", address) }
	for i := range admin.AttemptsEach {
		s.tryLogin(user, fmt.Sprint(i), from("192.0.2.1")).is(t, http.StatusUnauthorized)
	}
	a := s.tryLogin(user, password, from("192.0.2.1")).is(t, http.StatusTooManyRequests)
	a.says(t, "tried too often. Try again in 10 minutes")
	if got := a.Header.Get("Retry-After"); got != "601" {
		t.Errorf("Retry-After is %q", got)
	}
	// Others are not held up, and one who knows the password has not tried in vain.
	for range 2 * admin.AttemptsEach {
		s.tryLogin(user, password, from("192.0.2.2")).is(t, http.StatusSeeOther)
	}
	// Of IPv6 a whole network is one.
	for i := range admin.AttemptsEach {
		s.tryLogin(user, "wrong", from(fmt.Sprintf("2001:db8::%x", i))).is(t, http.StatusUnauthorized)
	}
	s.tryLogin(user, password, from("2001:db8::ffff:1")).is(t, http.StatusTooManyRequests)
	s.tryLogin(user, password, from("2001:db8:0:1::1")).is(t, http.StatusSeeOther)
	s.clock.turn(admin.AttemptsWithin - 1)
	s.tryLogin(user, password, from("192.0.2.1")).is(t, http.StatusTooManyRequests)
	s.clock.turn(1)
	s.tryLogin(user, password, from("192.0.2.1")).is(t, http.StatusSeeOther)
}

// Many addresses together may not try more than so often either, nor fill the
// memory; and they cannot lock out who sits at the machine.
func TestAttemptsOfAll(t *testing.T) {
	s := serve(t, tides())
	refused := 0
	for i := range 3 * admin.AttemptsAll {
		a := s.tryLogin(user, "wrong", with("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", i/256, i%256)))
		if a.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 2*admin.AttemptsAll {
		t.Errorf("%d were refused", refused)
	}
	if n := admin.Remembered(s.page); n > admin.AttemptsAll {
		t.Errorf("%d addresses are remembered", n)
	}
	s.tryLogin(user, password).is(t, http.StatusSeeOther)
	for i := range admin.AttemptsEach { // the machine has many addresses of its own, and is one
		s.tryLogin(user, "wrong", with("X-Forwarded-For", fmt.Sprintf("127.0.0.%d", i+2))).is(t, http.StatusUnauthorized)
	}
	s.tryLogin(user, password).is(t, http.StatusTooManyRequests)
	// One address does not use up what all have.
	s = serve(t, tides())
	for range 3 * admin.AttemptsAll {
		s.tryLogin(user, "wrong", with("X-Forwarded-For", "192.0.2.1"))
	}
	s.tryLogin(user, password, with("X-Forwarded-For", "192.0.2.2")).is(t, http.StatusSeeOther)
}

// session is the cookie of a login.
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
	if first.Name != "kv-sync" || !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" || first.Domain != "" || first.Secure || len(first.Value) != 43 {
		t.Errorf("the cookie is %v", first)
	}
	// A login makes a new one, with another token, and ends the old.
	token := s.token()
	second := session(t, s.tryLogin(user, password))
	if second.Value == first.Value || s.token() == token {
		t.Error("a login goes on with the session that was there")
	}
	code := func(value string) int {
		other := &served{T: t, server: s.server, http: s.browser()}
		return other.get("/", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "kv-sync", Value: value}) }).StatusCode
	}
	if code(first.Value) != http.StatusSeeOther {
		t.Error("the session before the login goes on")
	}
	for _, forged := range []string{"", "x", second.Value[:42], second.Value + "x", strings.ToLower(second.Value)} {
		if code(forged) != http.StatusSeeOther {
			t.Errorf("the cookie %q is believed", forged)
		}
	}
	if code(second.Value) != http.StatusOK {
		t.Error("the right cookie is not believed")
	}
	// It ends when it is not used …
	s.clock.turn(admin.IdleFor - 1)
	s.get("/").is(t, http.StatusOK)
	s.clock.turn(admin.IdleFor)
	s.get("/").is(t, http.StatusSeeOther)
	// … and at the latest after its time.
	s.logIn()
	for d := time.Duration(0); d < admin.LastsFor-time.Hour; d += time.Hour {
		s.clock.turn(time.Hour)
		s.get("/").is(t, http.StatusOK)
	}
	s.clock.turn(time.Hour)
	s.get("/").is(t, http.StatusSeeOther)
}

func TestSessionsAreBounded(t *testing.T) {
	s := serve(t, tides())
	first := s.http
	s.logIn()
	s.http = s.browser()
	second := s.http
	s.clock.turn(time.Second)
	s.logIn()
	s.clock.turn(time.Second)
	s.http = first
	s.get("/").is(t, http.StatusOK) // used later than the second
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

// Who reads and who could: over TLS, or a proxy's, the cookie is one that only
// this host can have set, and no other name is believed.
func TestSecureCookie(t *testing.T) {
	s := serve(t, tides())
	https := with("X-Forwarded-Proto", "https")
	a := s.tryLogin(user, password, https).is(t, http.StatusSeeOther)
	c := session(t, a)
	if c.Name != "__Host-kv-sync" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie is %v", c)
	}
	as := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: c.Value}) }
	}
	s.http = s.browser()
	s.get("/", https, as("__Host-kv-sync")).is(t, http.StatusOK)
	s.get("/", https, as("kv-sync")).is(t, http.StatusSeeOther)

	// From afar the header is anybody's; TLS is not.
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
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/login", strings.NewReader(url.Values{"user": {user}, "password": {password}}.Encode()))
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

// An address that somebody far away claims is not believed.
func TestForwardedForFromAfar(t *testing.T) {
	s := serve(t, tides())
	try := func(remote, claimed string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/login", strings.NewReader("user=x&password=y"))
		r.RemoteAddr = remote
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("X-Forwarded-For", claimed)
		w := httptest.NewRecorder()
		s.page.ServeHTTP(w, r)
		return w.Code
	}
	for i := range admin.AttemptsEach {
		try("192.0.2.1:1", fmt.Sprintf("198.51.100.%d", i))
		try("127.0.0.1:1", fmt.Sprintf("198.51.100.%d, 203.0.113.5", i)) // the client wrote the first
	}
	if try("192.0.2.1:1", "198.51.100.99") != http.StatusTooManyRequests {
		t.Error("whoever is far away names another address, and goes on")
	}
	if try("127.0.0.1:1", "198.51.100.99, 203.0.113.5") != http.StatusTooManyRequests {
		t.Error("whoever is behind the proxy names another address, and goes on")
	}
}

// posts are all that a session can change.
var posts = []string{"/sites/tides/look", "/sites/tides/release", "/sites/tides/rollback/" + twoID, "/logout"}

func TestFormToken(t *testing.T) {
	s := serve(t, tides())
	s.sites.statuses[0].Phase = daemon.PhaseHeld
	s.logIn()
	other := s.token()
	s.http = s.browser()
	s.logIn()
	token := s.token()
	for _, path := range posts {
		for _, wrong := range []string{"", "x", other, token[:42], token + "x"} {
			s.post(path, url.Values{"token": {wrong}, "live": {threeID}}).is(t, http.StatusForbidden)
		}
		s.post(path+"?token="+token, url.Values{"live": {threeID}}).is(t, http.StatusForbidden)
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("asked for %s", got)
	}
	s.get("/").is(t, http.StatusOK)
}

// Where a form comes from is asked before its token: each alone stops it.
func TestOrigin(t *testing.T) {
	s := serve(t, tides())
	s.sites.statuses[0].Phase = daemon.PhaseHeld // so that a release would be one
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}, "user": {user}, "password": {password}}
	for name, change := range map[string][]func(*http.Request){
		"another site":           {with("Origin", "http://evil.example")},
		"another port":           {with("Origin", "http://127.0.0.1:1")},
		"an opaque origin":       {with("Origin", "null")},
		"neither header":         {without("Origin")},
		"cross-site":             {without("Origin"), with("Sec-Fetch-Site", "cross-site")},
		"same-site":              {without("Origin"), with("Sec-Fetch-Site", "same-site")},
		"a lie about the origin": {with("Sec-Fetch-Site", "cross-site")},
	} {
		for _, path := range append([]string{"/login"}, posts...) {
			if a := s.post(path, form, change...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %s", name, path, a.Status)
			}
		}
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("asked for %s", got)
	}
	s.post("/sites/tides/look", form, without("Origin"), with("Sec-Fetch-Site", "same-origin")).is(t, http.StatusSeeOther)
	s.post("/sites/tides/look", form).is(t, http.StatusSeeOther)
	if got := s.sites.changed(); strings.Count(got, "look") != 2 {
		t.Errorf("asked for %s", got)
	}
}

// What reads changes nothing, and nothing else than POST changes.
func TestMethods(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}}
	for _, path := range posts {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			a := s.send(method, path+"?"+form.Encode(), form, with("Content-Type", "application/x-www-form-urlencoded"), with("Origin", s.server.URL))
			if read := strings.Contains(path, "/rollback/") && (method == "GET" || method == "HEAD"); read != (a.StatusCode == http.StatusOK) || !read && a.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %s", method, path, a.Status)
			}
		}
	}
	_, closed := admin.Routes(s.page, "tides", twoID)
	for _, r := range closed {
		if r[0] == "GET" {
			s.send("HEAD", r[1], nil).is(t, http.StatusOK)
			s.get(r[1]).is(t, http.StatusOK)
		}
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("asked for %s", got)
	}
	s.get("/").is(t, http.StatusOK)
	// A sentence is not spent on who asks for no page.
	s.post("/sites/tides/look", form).is(t, http.StatusSeeOther)
	s.send("HEAD", "/sites/tides", nil)
	s.get("/sites/tides").says(t, `role="status"`)
}

func TestBodyIsCapped(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	form := url.Values{"token": {s.token()}, "x": {strings.Repeat("x", admin.MaxBody)}}
	s.post("/sites/tides/look", form).is(t, http.StatusRequestEntityTooLarge)
	s.post("/login", url.Values{"user": {user}, "password": {strings.Repeat("x", admin.MaxBody)}}).is(t, http.StatusRequestEntityTooLarge)
	s.post("/sites/tides/look", nil, func(r *http.Request) { r.URL.RawQuery = "%zz" }).is(t, http.StatusBadRequest)
	if got := s.sites.changed(); got != "" {
		t.Errorf("asked for %s", got)
	}
}

// What others wrote is text, in one line, of a length that fits, and every
// character of it can be seen.
func TestHostileTexts(t *testing.T) {
	hostile := "</title></td><script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202e\u2066\u200b\x1b[31m\x00\xff " + strings.Repeat("long ", 1000)
	sites := tides()
	st := &sites.statuses[0]
	st.Remote, st.Branch, st.Problem = hostile, hostile, hostile+"\n"+strings.Repeat("line\n", 10_000)
	for i := range st.Runs {
		r := &st.Runs[i]
		r.Subject, r.Author, r.Actor, r.Problem = hostile, hostile, hostile, strings.Repeat(hostile, 100)
	}
	st.Runs[0].Commit = hostile
	st.Head = hostile
	list := sites.lists["tides"]
	for i := range list {
		list[i].Record.Subject, list[i].Record.Author, list[i].Record.Actor = hostile, hostile, hostile
	}
	list[0].Hold = hostile
	list[2].ID, list[2].Commit, list[2].Version = hostile, hostile, hostile
	sites.err = errors.New(hostile)
	s := serve(t, sites)
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}}
	for _, a := range []answer{
		s.get("/"), s.get("/sites/tides"), s.get("/sites/tides/rollback/" + twoID),
		s.post("/sites/tides/rollback/"+twoID, form), s.post("/sites/tides/look", form), s.tryLogin(hostile, hostile), s.get("/sites/" + url.PathEscape(hostile)),
	} {
		if i := strings.IndexAny(a.text, "\u202e\u2066\u200b\x1b\x00"); i >= 0 {
			t.Errorf("%s: %q cannot be seen", a.Request.URL.Path, a.text[i:min(len(a.text), i+20)])
		}
		for _, bad := range []string{"<script", "<img src=x", "onerror=alert(1)>"} {
			if strings.Contains(a.text, bad) {
				t.Errorf("%s: %s is markup", a.Request.URL.Path, bad)
			}
		}
		if len(a.text) > 60_000 {
			t.Errorf("%s has %d bytes", a.Request.URL.Path, len(a.text))
		}
	}
	page := s.get("/sites/tides")
	page.says(t, `\u202e\u2066\u200b\x1b[31m\x00\xff`, "…")
	subjects := regexp.MustCompile(`<span class="subject"><bdi>(.*?)</bdi>`).FindAllStringSubmatch(page.text, -1)
	for _, m := range subjects {
		if n := utf8.RuneCountInString(html.UnescapeString(m[1])); n > 120 {
			t.Errorf("a subject has %d characters", n)
		}
	}
	if len(subjects) < 3 {
		t.Errorf("there are %d subjects", len(subjects))
	}
}
