package admin_test

import (
	"bufio"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

func TestNewRefuses(t *testing.T) {
	right := admin.Options{Sites: tides(), User: user, Password: password, Hosts: []string{"deploy.example.com",
		"deploy.example.com:8443", "[fd00::1]:80"}}
	if _, err := admin.New(right); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*admin.Options){
		"no sites":       func(o *admin.Options) { o.Sites = nil },
		"no user":        func(o *admin.Options) { o.User = "" },
		"not a person":   func(o *admin.Options) { o.User = "poll" },
		"no password":    func(o *admin.Options) { o.Password = "" },
		"blank password": func(o *admin.Options) { o.Password = " \n" },
		"empty host":     func(o *admin.Options) { o.Hosts = []string{""} },
		"any host":       func(o *admin.Options) { o.Hosts = []string{"*"} },
		"wildcard":       func(o *admin.Options) { o.Hosts = []string{"*.example.com"} },
		"scheme":         func(o *admin.Options) { o.Hosts = []string{"https://deploy.example.com"} },
		"path":           func(o *admin.Options) { o.Hosts = []string{"deploy.example.com/x"} },
		"user in host":   func(o *admin.Options) { o.Hosts = []string{"a@deploy.example.com"} },
		"port alone":     func(o *admin.Options) { o.Hosts = []string{":80"} },
		"no port":        func(o *admin.Options) { o.Hosts = []string{"deploy.example.com:"} },
	} {
		t.Run(name, func(t *testing.T) {
			opt := right
			change(&opt)
			_, err := admin.New(opt)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	if text := fmt.Sprintf("%v %+v %#v", right, right, right); strings.Contains(text, config.Secret(password).Reveal()) {
		t.Errorf("the options print the password: %s", text)
	}
}

// Everything except the login and its assets needs a session. Without a session a request
// has no effect, and does not show whether a site exists.
func TestWithoutASession(t *testing.T) {
	s := serve(t, tides())
	open, closed := admin.Routes(s.page, "tides", twoID)
	if want := [][2]string{{"GET", "/style.css"}, {"GET", "/icon.svg"}, {"GET", "/login"},
		{"POST", "/login"}}; !slices.Equal(open, want) {
		t.Errorf("the open routes are %v", open)
	}
	if len(closed) != 7 {
		t.Errorf("the closed routes are %v", closed)
	}
	_, absent := admin.Routes(s.page, "other", "nothing")
	for _, r := range append(closed, absent...) {
		a := s.send(r[0], r[1], url.Values{"token": {""}, "live": {threeID}}).is(t, http.StatusSeeOther)
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/login") {
			t.Errorf("%v leads to %q", r, to)
		}
		if strings.Contains(a.text, "subject") {
			t.Errorf("%v reveals: %s", r, a.text)
		}
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("requested: %s", got)
	}
	for _, r := range open {
		if r[0] == "GET" {
			s.get(r[1]).is(t, http.StatusOK)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/github", "/sites/", "/sites", "/sites/tides/", "/index.html",
		"/.git/config"} {
		s.get(path).is(t, http.StatusNotFound)
	}
	// The redirect to a cleaned path stays on this host.
	for _, path := range []string{"//evil.example", "//evil.example/sites/tides", "/x/..//evil.example/",
		"/\\evil.example/../x", "/sites/..//evil.example", "/%2F/evil.example/.."} {
		a := s.get("/", func(r *http.Request) { r.URL.Opaque = path })
		if to := a.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") || to != "" &&
			to[0] != '/' {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	for path, code := range map[string]int{"/": 200, "/sites/tides": 200, "/sites/other": 404, "/nowhere": 404,
		"/login": 303, "/style.css": 200} {
		h := s.get(path).is(t, code).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
				"frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if path == "/style.css" && name == "Cache-Control" {
				want = "private, max-age=86400" // it is static
			}
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s is %q", name, path, got)
			}
		}
	}
}

// Every request with a foreign host name is refused.
func TestHost(t *testing.T) {
	s := serve(t, tides(), func(o *admin.Options) {
		o.Hosts = []string{"Deploy.example.com", "other.example.com:8443", "[fd00::1]"}
	})
	s.logIn()
	for name, code := range map[string]int{
		"localhost": 200, "localhost:1": 200, "LOCALHOST:80": 200, "admin.localhost:99": 200, "127.0.0.1": 200,
		"127.9.9.9:80": 200, "[::1]": 200, "[::1]:80": 200,
		"deploy.example.com": 200, "DEPLOY.example.com:1234": 200, "other.example.com:8443": 200, "[fd00::1]": 200,
		"other.example.com": 421, "other.example.com:80": 421, "evil.example": 421, "evil.example:80": 421,
		"localhost.evil.example": 421, "notlocalhost": 421,
		"deploy.example.com.evil.example": 421, "x.deploy.example.com": 421, "127.0.0.1.evil.example": 421, "0.0.0.0": 421,
		"[::]": 421, "192.168.1.1": 421, "deploy.example.com.": 421,
	} {
		s.get("/style.css", host(name)).is(t, code)
		for _, r := range []func(*http.Request){with("X-Forwarded-Host", "localhost"), with("Forwarded", "host=localhost")} {
			s.get("/style.css", host(name), r).is(t, code)
		}
	}
	// The host is checked first, before a login.
	s.tryLogin(user, password, host("evil.example"), with("Origin", "http://evil.example")).is(t,
		http.StatusMisdirectedRequest)
	s.get("/nowhere", host("evil.example")).is(t, http.StatusMisdirectedRequest)
	// Without configured names only loopback is allowed.
	s = serve(t, tides())
	for name, code := range map[string]int{"localhost": 200, "127.0.0.1:8791": 200, "deploy.example.com": 421,
		"evil.example:80": 421} {
		s.get("/style.css", host(name)).is(t, code)
	}
}

// posts are the paths of all requests that change something.
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
		t.Errorf("requested: %s", got)
	}
	s.get("/").is(t, http.StatusOK)
}

// The origin of a form is checked before its token. Each check alone refuses it.
func TestOrigin(t *testing.T) {
	s := serve(t, tides())
	s.sites.statuses[0].Phase = daemon.PhaseHeld // so that a release is possible
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}, "user": {user}, "password": {password}}
	for name, change := range map[string][]func(*http.Request){
		"another site":         {with("Origin", "http://evil.example")},
		"another port":         {with("Origin", "http://127.0.0.1:1")},
		"an opaque origin":     {with("Origin", "null")},
		"neither header":       {without("Origin")},
		"cross-site":           {without("Origin"), with("Sec-Fetch-Site", "cross-site")},
		"same-site":            {without("Origin"), with("Sec-Fetch-Site", "same-site")},
		"a cross-site request": {with("Sec-Fetch-Site", "cross-site")},
	} {
		for _, path := range append([]string{"/login"}, posts...) {
			if a := s.post(path, form, change...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %s", name, path, a.Status)
			}
		}
	}
	if got := s.sites.changed(); got != "" {
		t.Errorf("requested: %s", got)
	}
	s.post("/sites/tides/look", form, without("Origin"), with("Sec-Fetch-Site", "same-origin")).is(t, http.StatusSeeOther)
	s.post("/sites/tides/look", form).is(t, http.StatusSeeOther)
	if got := s.sites.changed(); strings.Count(got, "poll") != 2 {
		t.Errorf("requested: %s", got)
	}
}

// Only POST changes something.
func TestMethods(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	form := url.Values{"token": {s.token()}, "live": {threeID}}
	for _, path := range posts {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			a := s.send(method, path+"?"+form.Encode(), form, with("Content-Type", "application/x-www-form-urlencoded"),
				with("Origin", s.server.URL))
			if read := strings.Contains(path, "/rollback/") &&
				(method == "GET" || method == "HEAD"); read != (a.StatusCode == http.StatusOK) || !read &&
				a.StatusCode != http.StatusMethodNotAllowed {
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
		t.Errorf("requested: %s", got)
	}
	s.get("/").is(t, http.StatusOK)
	// HEAD does not use up the notice.
	s.post("/sites/tides/look", form).is(t, http.StatusSeeOther)
	s.send("HEAD", "/sites/tides", nil)
	s.get("/sites/tides").says(t, `role="status"`)
}

func TestBodyIsCapped(t *testing.T) {
	s := serve(t, tides())
	s.logIn()
	form := url.Values{"token": {s.token()}, "x": {strings.Repeat("x", admin.MaxBody)}}
	s.post("/sites/tides/look", form).is(t, http.StatusRequestEntityTooLarge)
	s.post("/login", url.Values{"user": {user}, "password": {strings.Repeat("x", admin.MaxBody)}}).is(t,
		http.StatusRequestEntityTooLarge)
	s.post("/sites/tides/look", nil, func(r *http.Request) { r.URL.RawQuery = "%zz" }).is(t, http.StatusBadRequest)
	if got := s.sites.changed(); got != "" {
		t.Errorf("requested: %s", got)
	}
}

// Untrusted texts are escaped, limited, and every character is visible.
func TestHostileTexts(t *testing.T) {
	hostile := "</title></td><script>alert(1)</script>\"'><img src=x onerror=alert(1)> " +
		"\u202e\u2066\u200b\x1b[31m\x00\xff " + strings.Repeat("long ", 1000)
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
		s.post("/sites/tides/rollback/"+twoID, form), s.post("/sites/tides/look", form), s.tryLogin(hostile, hostile),
		s.get("/sites/" + url.PathEscape(hostile)),
	} {
		if i := strings.IndexAny(a.text, "\u202e\u2066\u200b\x1b\x00"); i >= 0 {
			t.Errorf("%s: %q is not visible", a.Request.URL.Path, a.text[i:min(len(a.text), i+20)])
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

// A slow form is cut off.
func TestSlowForm(t *testing.T) {
	page, err := admin.New(admin.Options{Sites: tides(), User: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	admin.SetBodyTime(page, 50*time.Millisecond)
	server := httptest.NewServer(page)
	defer server.Close()
	for origin, want := range map[string]string{"http://localhost": " 408 ", "http://evil.example": " 403 "} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: %s\r\nContent-Type: "+
			"application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nuser=a", origin)
		if answer, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(answer, want) {
			t.Errorf("from %s: %q, %v", origin, answer, err)
		}
	}
}
