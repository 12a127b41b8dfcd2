package cloudflare

import (
	"net/http"
	"sync"
	"time"
)

// clock estimates the API's time from the Date of its responses.
type clock struct {
	mu sync.Mutex
	// date is the Date of the last response, and at is when this machine received it.
	date, at time.Time
}

// observe records the Date of a response. Responses of parallel calls may arrive in any order.
func (c *clock) observe(h http.Header, received time.Time) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !received.Before(c.at) {
		c.date, c.at = date, received
	}
}

// now returns the API's time, to the second. It adds the time since the last response by the wall
// clock, because the monotonic clock stops while the machine is suspended.
func (c *clock) now() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.date.IsZero() {
		return time.Time{}, false
	}
	return c.date.Add(time.Now().Round(0).Sub(c.at.Round(0))), true
}

// Time implements [cloud.Account].
func (a *Account) Time() (time.Time, bool) { return a.clock.now() }
