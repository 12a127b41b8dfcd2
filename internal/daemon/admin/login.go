package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// login has the hashes of the user and the password. They have the same length, so
// the time of a comparison reveals nothing.
type login struct{ user, password [sha256.Size]byte }

func newLogin(user, password string) login {
	return login{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}
}

func (l login) equal(other login) bool {
	return subtle.ConstantTimeCompare(l.user[:], other.user[:])&subtle.ConstantTimeCompare(l.password[:],
		other.password[:]) == 1
}

const (
	// attemptsWithin is the period in which attempts are counted.
	attemptsWithin = 10 * time.Minute
	// attemptsEach is the limit of one address, attemptsAll that of all addresses together.
	// Loopback does not count for attemptsAll, so that others cannot lock out the machine's
	// owner.
	attemptsEach, attemptsAll = 10, 100
)

// attempts counts login attempts. It stores no more addresses than it allows.
type attempts struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time
	all   int
	by    map[netip.Prefix]int
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, by: make(map[netip.Prefix]int)}
}

// take counts an attempt before its result is known, so that many at once cannot pass
// the limit. Beyond the limit it returns how long to wait.
func (a *attempts) take(from netip.Addr) time.Duration {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) >= attemptsWithin {
		a.since, a.all = now, 0
		clear(a.by)
	}
	wait := a.since.Add(attemptsWithin).Sub(now)
	who, own := network(from), from.IsLoopback()
	if a.by[who] >= attemptsEach || !own && a.all >= attemptsAll {
		return wait
	}
	if !own {
		a.all++
	}
	a.by[who]++
	return 0
}

// forget resets the count after a successful login.
func (a *attempts) forget(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, network(from))
}

// network returns the addresses that one customer usually has: a /64 of IPv6, or all of
// loopback.
func network(a netip.Addr) netip.Prefix {
	bits := 64
	switch {
	case a.IsLoopback():
		a, bits = netip.IPv6Loopback(), 128
	case a.Is4():
		bits = 32
	}
	p, _ := a.Prefix(bits) // the zero prefix for the zero address
	return p
}

// pagePath matches the pages to which a login may lead, and nothing that a browser
// could take for another host.
var pagePath = regexp.MustCompile(
	`^/(?:sites/(?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2}){1,200}(?:/rollback/[A-Za-z0-9_-]{1,100})?)?$`)

func safeNext(next string) string {
	if pagePath.MatchString(next) {
		return next
	}
	return "/"
}

// loginPath returns the path of the login page. After the login it leads back to the
// requested page, or to the page that has the button.
func loginPath(r *http.Request) string {
	next := r.URL.EscapedPath()
	if r.Method == http.MethodPost {
		next = "/"
		if name := r.PathValue("name"); name != "" {
			next = sitePath(name)
		}
	}
	if next = safeNext(next); next == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(next)
}

type loginView struct{ User, Next, Problem string }

func (p *page) showLogin(w http.ResponseWriter, r *request) {
	next := safeNext(r.URL.Query().Get("next"))
	if r.session != nil {
		http.Redirect(w, r.Request, next, http.StatusSeeOther)
		return
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// The browser withholds the strict cookie when a link on another site is
		// followed, although there may be a session. A reload from here sends it.
		w.Header().Set("Refresh", "0;url="+next)
	}
	p.show(w, r, http.StatusOK, "login", screen{Title: "Log in", Main: loginView{Next: next}})
}

func (p *page) logIn(w http.ResponseWriter, r *request) {
	user, next := r.PostForm.Get("user"), safeNext(r.PostForm.Get("next"))
	again := func(code int, problem string) {
		v := loginView{User: visible(user, maxName), Next: next, Problem: problem}
		p.show(w, r, code, "login", screen{Title: "Log in", Main: v})
	}
	if wait := p.attempts.take(r.from.address); wait > 0 {
		p.log.Warn("admin: too many logins", "address", r.from.address)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		again(http.StatusTooManyRequests, "Too many attempts. Try again "+relative(-wait)+".")
		return
	}
	if !p.login.equal(newLogin(user, r.PostForm.Get("password"))) {
		// The name is not logged: people type passwords into the wrong field.
		p.log.Warn("admin: wrong login", "address", r.from.address)
		again(http.StatusUnauthorized, "The user or the password is wrong.")
		return
	}
	p.attempts.forget(r.from.address)
	p.sessions.end(r.session) // a login always starts a new session
	setCookie(w, r.from.secure, p.sessions.start())
	p.log.Info("admin: logged in", "user", p.user, "address", r.from.address)
	http.Redirect(w, r.Request, next, http.StatusSeeOther)
}

func (p *page) logOut(w http.ResponseWriter, r *request) {
	p.sessions.end(r.session)
	setCookie(w, r.from.secure, "")
	p.log.Info("admin: logged out", "user", p.user, "address", r.from.address)
	http.Redirect(w, r.Request, "/login", http.StatusSeeOther)
}
