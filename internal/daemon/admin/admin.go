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

// Options are what the page is made of.
type Options struct {
	// Sites is the daemon.
	Sites daemon.Sites
	// User and Password log in. User is also who a rollback is noted to be by.
	User     string
	Password config.Secret
	// Hosts are the names that the page is reached by, beside those of loopback:
	// "deploy.example.com" with any port, "deploy.example.com:8443" with that one.
	Hosts []string
	// Log is told who logs in and what is asked for; nil is nobody.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
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

// New makes the page. It refuses an empty user or password, and a host that is
// none. The handler wants the root of its listener, and keeps the sessions in
// memory: who is logged in is logged out when the daemon ends.
//
// A rollback is answered when it is done, which may wait for a build: the server
// that the handler is given to wants no write timeout below some minutes.
func New(opt Options) (http.Handler, error) {
	if opt.Sites == nil {
		return nil, errors.New("admin page: there are no sites to show")
	}
	if opt.User == "" {
		return nil, errors.New("admin page: the user is empty; name one with user in [admin]")
	}
	if opt.User == "push" || opt.User == "poll" {
		return nil, fmt.Errorf("admin page: the user %s is who the daemon itself acts as; name another with user in [admin]", opt.User)
	}
	if strings.TrimSpace(opt.Password.Reveal()) == "" {
		return nil, errors.New("admin page: the password is empty; write a long random one into the file or variable that [admin] names")
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
		p.mux.Handle(r.pattern, p.gate(r))
	}
	return p, nil
}

// route is one thing that can be asked for. GET includes HEAD and changes
// nothing; what changes something is a POST.
type route struct {
	pattern string
	// open is for those who are not logged in too.
	open   bool
	handle func(http.ResponseWriter, *request)
}

// request is a request that has passed the gates.
type request struct {
	*http.Request
	from peer
	// session is nil where nobody is logged in, which only an open route sees.
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
		{"POST /sites/{name}/look", false, p.look},
		{"POST /sites/{name}/release", false, p.release},
		{"GET /sites/{name}/rollback/{deployment}", false, p.askRollback},
		{"POST /sites/{name}/rollback/{deployment}", false, p.rollBack},
	}
}

// ServeHTTP answers under its own names only. That comes before anything else:
// under a foreign name a web page that somebody looks at would be of the same
// origin as this one (DNS rebinding).
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	// Also of what is refused the server reads the rest. Where no deadline can be
	// set, its own holds.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.bodyTime))
	if !p.hosts.allow(r.Host) {
		http.Error(w, "This page is not reached by this name. Add it to hosts in [admin] of the daemon's configuration.", http.StatusMisdirectedRequest)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// No form here has nearly so many bytes, or takes so long to be sent.
const (
	maxBody  = 16 << 10
	bodyTime = 10 * time.Second
)

// gate lets a request through to its route if it may.
func (p *page) gate(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		post := r.Method == http.MethodPost
		if post {
			if err := p.sameOrigin(r); err != nil {
				http.Error(w, "This form was sent from another site's page. Nothing was changed.", http.StatusForbidden)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if err := r.ParseForm(); err != nil {
				code := http.StatusBadRequest
				if errors.Is(err, os.ErrDeadlineExceeded) {
					code = http.StatusRequestTimeout
				}
				if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
					code = http.StatusRequestEntityTooLarge
				}
				http.Error(w, "This form cannot be read. Nothing was changed.", code)
				return
			}
		}
		req := &request{Request: r, from: peerOf(r)}
		req.session = p.sessions.open(req.cookie())
		switch {
		case to.open:
		case req.session == nil:
			http.Redirect(w, r, loginPath(r), http.StatusSeeOther)
			return
		case post && !req.session.isToken(r.PostForm.Get("token")):
			http.Error(w, "This form is of another session. Go back, reload the page and try again. Nothing was changed.", http.StatusForbidden)
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a rollback takes longer
		to.handle(w, req)
	})
}

// sameOrigin refuses what no page of ours has sent. Every browser sends one of
// the two headers with a POST, so who sends neither is none.
func (p *page) sameOrigin(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return errors.New("neither Origin nor Sec-Fetch-Site")
	}
	return p.origin.Check(r)
}

// setHeaders sets what every answer has. The referrer policy is not the
// strictest: under no-referrer a browser hides the Origin of a form from us too.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
