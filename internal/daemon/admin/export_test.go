package admin

import (
	"net/http"
	"strings"
	"time"
)

// Routes returns method and path of all routes, with a site and a deployment filled
// in. Only closed ones need a session.
func Routes(h http.Handler, site, deployment string) (open, closed [][2]string) {
	for _, r := range h.(*page).routes() { //nolint:forcetypeassert // New makes nothing else
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.NewReplacer("{name}", site, "{deployment}", deployment, "{$}", "").Replace(path)
		if r.open {
			open = append(open, [2]string{method, path})
		} else {
			closed = append(closed, [2]string{method, path})
		}
	}
	return open, closed
}

// Limits that tests reach.
const (
	IdleFor, LastsFor, MaxSessions            = idleFor, lastsFor, maxSessions
	AttemptsEach, AttemptsAll, AttemptsWithin = attemptsEach, attemptsAll, attemptsWithin
	MaxBody                                   = maxBody
)

// Remembered returns how many addresses are counted.
func Remembered(h http.Handler) int { return len(h.(*page).attempts.by) } //nolint:forcetypeassert // as above

// SetBodyTime sets the time limit of a form.
func SetBodyTime(h http.Handler, d time.Duration) { h.(*page).bodyTime = d } //nolint:forcetypeassert // as above

// Functions that process untrusted text.
var (
	SafeNext = safeNext
	Visible  = visible
)
