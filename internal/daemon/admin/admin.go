package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon"
)

// Options configure [New].
type Options struct {
	// Sites is the daemon.
	Sites daemon.Sites
	// User and Password are the login. User is also recorded as the actor.
	User     string
	Password config.Secret
	// Hosts are the allowed host names beside loopback: "deploy.example.com" with any
	// port, "deploy.example.com:8443" with that one.
	Hosts []string
	// Log gets logins and requests. nil discards them.
	Log *slog.Logger
	// Now is the clock. The default is time.Now.
	Now func() time.Time
}

// page is the handler.
type page struct {
	sites    daemon.Sites
	user     string
	login    login
	hosts    hostList
	sessions *sessions
	attempts *attempts
	origin   *http.CrossOriginProtection
	log      *slog.Logger
	now      func() time.Time
	mux      *http.ServeMux
	bodyTime time.Duration
}

// New returns the page's handler, which must be at the root of its listener. An empty user
// or password, or an invalid host, is an error. Sessions are in memory and end with the
// process.
//
// The response to a rollback is sent when the rollback is done, and may wait for a build.
// So the server's write timeout must be at least some minutes.
func New(opt Options) (http.Handler, error) {
	if opt.Sites == nil {
		return nil, errors.New("admin page: no sites")
	}
	if opt.User == "" {
		return nil, errors.New("admin page: the user is empty; set user in [admin]")
	}
	if opt.User == "push" || opt.User == "poll" {
		return nil, fmt.Errorf("admin page: the user %s is reserved for the daemon; set another user in [admin]", opt.User)
	}
	if strings.TrimSpace(opt.Password.Reveal()) == "" {
		return nil, errors.New("admin page: the password is empty; write a long random one to the file or variable that " +
			"[admin] names")
	}
	hosts, err := newHostList(opt.Hosts)
	if err != nil {
		return nil, fmt.Errorf("admin page: %w", err)
	}
	p := &page{
		sites: opt.Sites, user: opt.User, login: newLogin(opt.User, opt.Password.Reveal()), hosts: hosts,
		origin: http.NewCrossOriginProtection(), log: opt.Log, now: opt.Now, mux: http.NewServeMux(), bodyTime: bodyTime,
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.sessions, p.attempts = newSessions(p.now), newAttempts(p.now)
	for _, r := range p.routes() {
		p.mux.Handle(r.pattern, p.check(r))
	}
	return p, nil
}

// route is a method and a path. GET includes HEAD and changes nothing.
type route struct {
	pattern string
	// open routes need no session.
	open   bool
	handle func(http.ResponseWriter, *request)
}

// request is a request that has passed all checks.
type request struct {
	*http.Request
	from peer
	// session is nil without a login. Only an open route gets such a request.
	session *session
}

func (p *page) routes() []route {
	return []route{
		{"GET /style.css", true, asset(style, "text/css; charset=utf-8")},
		{"GET /icon.svg", true, asset(icon, "image/svg+xml")},
		{"GET /login", true, p.showLogin},
		{"POST /login", true, p.logIn},
		{"POST /logout", false, p.logOut},
		{"GET /{$}", false, p.showSites},
		{"GET /sites/{name}", false, p.showSite},
		{"POST /sites/{name}/look", false, p.poll},
		{"POST /sites/{name}/release", false, p.release},
		{"GET /sites/{name}/rollback/{deployment}", false, p.confirmRollback},
		{"POST /sites/{name}/rollback/{deployment}", false, p.rollBack},
	}
}

// ServeHTTP checks the host first: under a foreign name another web page would have
// the same origin as this one (DNS rebinding).
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	// The server reads the rest of a refused request as well. If no deadline can be
	// set, the server's own applies.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.bodyTime))
	if !p.hosts.allow(r.Host) {
		http.Error(w, "Unknown host name. Add it to hosts in [admin] of the daemon's configuration.",
			http.StatusMisdirectedRequest)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// Limits of a form. All forms here are far smaller.
const (
	maxBody  = 16 << 10
	bodyTime = 10 * time.Second
)

// check passes a request on to its route if it is allowed.
func (p *page) check(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		post := r.Method == http.MethodPost
		if post && !p.readForm(w, r) {
			return
		}
		req := &request{Request: r, from: peerOf(r)}
		req.session = p.sessions.open(req.cookie())
		switch {
		case to.open:
		case req.session == nil:
			http.Redirect(w, r, loginPath(r), http.StatusSeeOther)
			return
		case post && !req.session.isToken(r.PostForm.Get("token")):
			http.Error(w, "This form is from another session. Go back, reload the page and try again. Nothing was changed.",
				http.StatusForbidden)
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a rollback takes longer
		to.handle(w, req)
	})
}

// readForm parses a form of one of our pages. Otherwise it answers and returns false.
func (p *page) readForm(w http.ResponseWriter, r *http.Request) bool {
	if err := p.sameOrigin(r); err != nil {
		http.Error(w, "This form was sent from another site's page. Nothing was changed.", http.StatusForbidden)
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err := r.ParseForm()
	if err == nil {
		return true
	}
	code := http.StatusBadRequest
	if errors.Is(err, os.ErrDeadlineExceeded) {
		code = http.StatusRequestTimeout
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		code = http.StatusRequestEntityTooLarge
	}
	http.Error(w, "This form cannot be read. Nothing was changed.", code)
	return false
}

// sameOrigin refuses a form that was not sent by our pages. Every browser sends one of
// the two headers with a POST.
func (p *page) sameOrigin(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return errors.New("neither Origin nor Sec-Fetch-Site")
	}
	return p.origin.Check(r)
}

// setHeaders sets the headers of every response. With the referrer policy no-referrer
// a browser would also hide the Origin of our forms.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "+
		"frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
