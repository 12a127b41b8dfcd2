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

// login is the user and the password, as hashes: these are of one length, so
// comparing them tells nothing by its time.
type login struct{ user, password [sha256.Size]byte }

func newLogin(user, password string) login {
	return login{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}
}

func (l login) equal(other login) bool {
	return subtle.ConstantTimeCompare(l.user[:], other.user[:])&subtle.ConstantTimeCompare(l.password[:], other.password[:]) == 1
}

const (
	// attemptsWithin is how long attempts count.
	attemptsWithin = 10 * time.Minute
	// attemptsEach is for an address, attemptsAll for all but this machine's own,
	// from which others must not be able to lock its owner out.
	attemptsEach, attemptsAll = 10, 100
)

// attempts counts logins that were tried. It remembers no more addresses than it
// lets try.
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

// take counts one, before it is known how it ends: many at once must not slip
// through. Where it is one too many, it returns how long to wait.
func (a *attempts) take(from netip.Addr) time.Duration {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) >= attemptsWithin {
		a.since, a.all = now, 0
		clear(a.by)
	}
	wait := a.since.Add(attemptsWithin).Sub(now)
	who, own := neighbours(from), from.IsLoopback()
	if a.by[who] >= attemptsEach || !own && a.all >= attemptsAll {
		return wait
	}
	if !own {
		a.all++
	}
	a.by[who]++
	return 0
}

// forget is for an attempt that was right.
func (a *attempts) forget(from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, neighbours(from))
}

// neighbours are the addresses that one customer is given: of IPv6 a network, of
// loopback all.
func neighbours(a netip.Addr) netip.Prefix {
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

// pagePath is what a login may lead to: the pages of this package, and nothing
// that a browser could take for another host.
var pagePath = regexp.MustCompile(`^/(?:sites/(?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2}){1,200}(?:/rollback/[A-Za-z0-9_-]{1,100})?)?$`)

func safeNext(next string) string {
	if pagePath.MatchString(next) {
		return next
	}
	return "/"
}

// loginPath is the login that leads back to what was asked for: for a button,
// to the page that has it.
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
		// Whoever follows a link on another site may be logged in all the same: the
		// browser keeps the strict cookie back. Coming from here, it sends it.
		w.Header().Set("Refresh", "0;url="+next)
	}
	p.show(w, r, http.StatusOK, "login", screen{Title: "Log in", Main: loginView{Next: next}})
}

func (p *page) logIn(w http.ResponseWriter, r *request) {
	user, next := r.PostForm.Get("user"), safeNext(r.PostForm.Get("next"))
	again := func(code int, problem string) {
		p.show(w, r, code, "login", screen{Title: "Log in", Main: loginView{User: visible(user, maxName), Next: next, Problem: problem}})
	}
	if wait := p.attempts.take(r.from.address); wait > 0 {
		p.log.Warn("admin: too many logins", "address", r.from.address)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		again(http.StatusTooManyRequests, "That was tried too often. Try again "+relative(-wait)+".")
		return
	}
	if !p.login.equal(newLogin(user, r.PostForm.Get("password"))) {
		// Not the name: people type their password into the wrong field.
		p.log.Warn("admin: wrong login", "address", r.from.address)
		again(http.StatusUnauthorized, "That is not the user and the password.")
		return
	}
	p.attempts.forget(r.from.address)
	p.sessions.end(r.session) // a login is a new session, whatever the browser had
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
