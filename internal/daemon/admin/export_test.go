package admin

import (
	"net/http"
	"strings"
	"time"
)

// Routes are all that can be asked for, and whether one must be logged in:
// method and path, with a site and a deployment that may be there.
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

// Limits, for tests that reach them.
const (
	IdleFor, LastsFor, MaxSessions            = idleFor, lastsFor, maxSessions
	AttemptsEach, AttemptsAll, AttemptsWithin = attemptsEach, attemptsAll, attemptsWithin
	MaxBody                                   = maxBody
)

// Remembered is how many addresses are counted.
func Remembered(h http.Handler) int { return len(h.(*page).attempts.by) } //nolint:forcetypeassert // as above

// SetBodyTime changes how long a form may take to be sent.
func SetBodyTime(h http.Handler, d time.Duration) { h.(*page).bodyTime = d } //nolint:forcetypeassert // as above

// What hostile texts pass through.
var (
	SafeNext = safeNext
	Visible  = visible
)
