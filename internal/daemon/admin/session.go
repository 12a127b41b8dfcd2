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
	// idleFor ends an unused session, lastsFor any session.
	idleFor  = 2 * time.Hour
	lastsFor = 12 * time.Hour
	// maxSessions is far more than one user needs.
	maxSessions = 64
)

// session is an active login.
type session struct {
	id sessionID
	// token is in every form of this session. Other sites cannot know it.
	token string
}

func (s *session) isToken(given string) bool {
	return subtle.ConstantTimeCompare([]byte(s.token), []byte(given)) == 1
}

// sessionID is the hash of the cookie's value, so that neither the time of a look-up
// nor a copy of the table reveals the value.
type sessionID [sha256.Size]byte

// sessions has all sessions, in memory.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[sessionID]*record
}

// record is the state of a session.
type record struct {
	token       string
	began, used time.Time
	notice      notice
}

// notice is a text for the next page of a session.
type notice struct {
	text string
	// reload is set if the notice is about something in progress.
	reload bool
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: make(map[sessionID]*record)}
}

// start starts a session and returns the cookie's value. At the limit it ends the
// session that was unused for longest.
func (s *sessions) start() string {
	value := random()
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.all {
		if k.expired(now) {
			delete(s.all, id)
		}
	}
	if len(s.all) >= maxSessions {
		s.dropOldest()
	}
	s.all[sha256.Sum256([]byte(value))] = &record{token: random(), began: now, used: now}
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

func (r *record) expired(now time.Time) bool {
	return now.Sub(r.used) >= idleFor || now.Sub(r.began) >= lastsFor
}

// open returns the session of a cookie's value, or nil if there is none.
func (s *sessions) open(value string) *session {
	id := sessionID(sha256.Sum256([]byte(value)))
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.all[id]
	if k == nil {
		return nil
	}
	if k.expired(now) {
		delete(s.all, id)
		return nil
	}
	k.used = now
	return &session{id: id, token: k.token}
}

// end ends a session. nil and an ended session are ignored.
func (s *sessions) end(who *session) {
	if who == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, who.id)
}

// setNotice sets the text for the next page.
func (s *sessions) setNotice(who *session, n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.all[who.id]; k != nil {
		k.notice = n
	}
}

// takeNotice returns the text for the next page and removes it.
func (s *sessions) takeNotice(who *session) notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.all[who.id]
	if k == nil {
		return notice{}
	}
	n := k.notice
	k.notice = notice{}
	return n
}

// random returns 256 random bits as text.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails; it would end the program
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// cookieName has the prefix __Host- over TLS: browsers accept such a cookie only from
// this host and over TLS.
func cookieName(secure bool) string {
	if secure {
		return "__Host-kv-sync"
	}
	return "kv-sync"
}

// cookie returns the value of the session's cookie, or "". Over TLS only the name with
// the prefix counts.
func (r *request) cookie() string {
	c, err := r.Cookie(cookieName(r.from.secure))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets the session's cookie, or deletes it for "".
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
