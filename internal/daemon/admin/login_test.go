package admin_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon/admin"
)

func TestLogin(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, tides(), func(o *admin.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	var texts []string
	for _, try := range [][2]string{{user, "wrong"}, {"somebody", password}, {"somebody", "wrong"}, {"", ""}, {user, ""},
		{"", password}, {user, password + " "}, {user + password, ""}} {
		a := s.tryLogin(try[0], try[1]).is(t, http.StatusUnauthorized)
		if len(a.Cookies()) != 0 {
			t.Errorf("%v was given %v", try, a.Cookies())
		}
		a.text = strings.NewReplacer(` value="`+try[0]+`"`, ` value=""`, " autofocus", "").Replace(a.text)
		texts = append(texts, a.text)
		s.clock.advance(admin.AttemptsWithin)
	}
	for _, text := range texts[1:] {
		if text != texts[0] {
			t.Errorf("wrong logins have different answers:\n%s\n%s", texts[0], text)
		}
	}
	s.get("/?user="+user+"&password="+url.QueryEscape(password)).is(t, http.StatusSeeOther) // never from the URL
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
		"//evil.example":                 "/", "/\\evil.example": "/", "https://evil.example": "/", "https:evil.example": "/",
		"javascript:alert(1)": "/", "evil.example": "/",
		"/sites/../..//evil.example": "/", "/sites//evil.example": "/", "/\t/evil.example": "/", "/sites/tides\n": "/",
		"\r\nSet-Cookie: a=b": "/", "/logout": "/", " /sites/tides": "/", "/sites/tides?x": "/",
	} {
		s := serve(t, tides())
		a := s.post("/login", url.Values{"user": {user}, "password": {password}, "next": {next}}).is(t, http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != want {
			t.Errorf("next=%q leads to %q", next, got)
		}
		if got := s.get("/login?next="+url.QueryEscape(next)).is(t, http.StatusSeeOther).Header.Get("Location"); got != want {
			t.Errorf("with a session next=%q leads to %q", next, got)
		}
		s.http = s.browser()
		s.get("/login?next="+url.QueryEscape(next)).says(t, `name="next" value="`+want+`"`)
	}
	s := serve(t, tides())
	for _, r := range [][3]string{
		{"GET", "/sites/tides", "/login?next=%2Fsites%2Ftides"},
		{"POST", "/sites/tides/look", "/login?next=%2Fsites%2Ftides"}, {"GET", "/", "/login"}, {"POST", "/logout", "/login"},
		{"POST", "/sites/project%2Ftides/rollback/x", "/login?next=%2Fsites%2Fproject%252Ftides"},
		{"GET", "/sites/%2F%2Fevil.example", "/login"},
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
	a.says(t, "Too many attempts. Try again in 10 minutes")
	if got := a.Header.Get("Retry-After"); got != "601" {
		t.Errorf("Retry-After is %q", got)
	}
	// Other addresses are not affected, and successful logins do not count.
	for range 2 * admin.AttemptsEach {
		s.tryLogin(user, password, from("192.0.2.2")).is(t, http.StatusSeeOther)
	}
	// A whole network of IPv6 counts as one.
	for i := range admin.AttemptsEach {
		s.tryLogin(user, "wrong", from(fmt.Sprintf("2001:db8::%x", i))).is(t, http.StatusUnauthorized)
	}
	s.tryLogin(user, password, from("2001:db8::ffff:1")).is(t, http.StatusTooManyRequests)
	s.tryLogin(user, password, from("2001:db8:0:1::1")).is(t, http.StatusSeeOther)
	s.clock.advance(admin.AttemptsWithin - 1)
	s.tryLogin(user, password, from("192.0.2.1")).is(t, http.StatusTooManyRequests)
	s.clock.advance(1)
	s.tryLogin(user, password, from("192.0.2.1")).is(t, http.StatusSeeOther)
}

// There is a limit for all addresses together, which also limits the memory. It does
// not apply to loopback.
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
		t.Errorf("%d addresses are stored", n)
	}
	s.tryLogin(user, password).is(t, http.StatusSeeOther)
	for i := range admin.AttemptsEach { // all of loopback counts as one
		s.tryLogin(user, "wrong", with("X-Forwarded-For", fmt.Sprintf("127.0.0.%d", i+2))).is(t, http.StatusUnauthorized)
	}
	s.tryLogin(user, password).is(t, http.StatusTooManyRequests)
	// One address does not use up the limit of all.
	s = serve(t, tides())
	for range 3 * admin.AttemptsAll {
		s.tryLogin(user, "wrong", with("X-Forwarded-For", "192.0.2.1"))
	}
	s.tryLogin(user, password, with("X-Forwarded-For", "192.0.2.2")).is(t, http.StatusSeeOther)
}

// X-Forwarded-For of another machine is ignored.
func TestForwardedForOfAnotherMachine(t *testing.T) {
	s := serve(t, tides())
	try := func(remote, claimed string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/login",
			strings.NewReader("user=x&password=y"))
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
		try("127.0.0.1:1", fmt.Sprintf("198.51.100.%d, 203.0.113.5", i)) // the client wrote the first value
	}
	if try("192.0.2.1:1", "198.51.100.99") != http.StatusTooManyRequests {
		t.Error("another machine chose its address")
	}
	if try("127.0.0.1:1", "198.51.100.99, 203.0.113.5") != http.StatusTooManyRequests {
		t.Error("a client of the proxy chose its address")
	}
}
