package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	// idleFor ends a session that nothing is asked of, lastsFor every one.
	idleFor  = 2 * time.Hour
	lastsFor = 12 * time.Hour
	// maxSessions is more than one person has browsers.
	maxSessions = 64
)

// session is somebody who is logged in.
type session struct {
	id sessionID
	// token is what every form of this session sends along: other sites cannot
	// know it.
	token string
}

func (s *session) isToken(given string) bool {
	return subtle.ConstantTimeCompare([]byte(s.token), []byte(given)) == 1
}

// sessionID is the hash of the cookie's value. Looking it up tells by its time
// nothing of the value, and a copy of the memory's table logs nobody in.
type sessionID [sha256.Size]byte

// sessions are those who are logged in, in memory.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[sessionID]*kept
}

// kept is what is known of a session.
type kept struct {
	token       string
	began, used time.Time
	said        said
}

// said is a sentence for the next page that a session is shown.
type said struct {
	text string
	// soon: it is about something that goes on, so the page is worth a reload.
	soon bool
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: make(map[sessionID]*kept)}
}

// start begins a session and returns the cookie's value. Where there are too
// many, the one that was unused for longest ends.
func (s *sessions) start() string {
	value := random()
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.all {
		if k.over(now) {
			delete(s.all, id)
		}
	}
	if len(s.all) >= maxSessions {
		s.dropOldest()
	}
	s.all[sha256.Sum256([]byte(value))] = &kept{token: random(), began: now, used: now}
	return value
}

func (s *sessions) dropOldest() {
	var oldest sessionID
	var used time.Time
	for id, k := range s.all {
		if used.IsZero() || k.used.Before(used) {
			oldest, used = id, k.used
		}
	}
	delete(s.all, oldest)
}

func (k *kept) over(now time.Time) bool {
	return now.Sub(k.used) >= idleFor || now.Sub(k.began) >= lastsFor
}

// open returns the session of a cookie's value, or nil.
func (s *sessions) open(value string) *session {
	id := sessionID(sha256.Sum256([]byte(value)))
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.all[id]
	if k == nil {
		return nil
	}
	if k.over(now) {
		delete(s.all, id)
		return nil
	}
	k.used = now
	return &session{id: id, token: k.token}
}

// end logs out; nil and one that has ended are no one.
func (s *sessions) end(who *session) {
	if who == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, who.id)
}

// say leaves a sentence for the next page.
func (s *sessions) say(who *session, what said) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.all[who.id]; k != nil {
		k.said = what
	}
}

// hear takes the sentence that was left.
func (s *sessions) hear(who *session) said {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.all[who.id]
	if k == nil {
		return said{}
	}
	what := k.said
	k.said = said{}
	return what
}

// random is 256 bits, as text.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it ends the program sooner than it fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// cookieName has the prefix by which a browser vouches that the cookie was set
// by this very host and over TLS, where that is so.
func cookieName(secure bool) string {
	if secure {
		return "__Host-kv-sync"
	}
	return "kv-sync"
}

// cookie is the value of the session's cookie, or "". Over TLS only the name
// that vouches for itself is believed.
func (r *request) cookie() string {
	c, err := r.Cookie(cookieName(r.from.secure))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie gives the browser a session, or takes it with "".
func setCookie(w http.ResponseWriter, secure bool, value string) {
	c := &http.Cookie{
		Name: cookieName(secure), Value: value, Path: "/", MaxAge: int(lastsFor.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
