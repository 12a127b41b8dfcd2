package cloudflare

import (
	"net/http"
	"sync"
	"time"
)

// clock knows the API's time by the Date of its answers.
type clock struct {
	mu sync.Mutex
	// date is the Date of the answer that was received last, at that time of this machine.
	date, at time.Time
}

// observe takes the Date of an answer. Answers of parallel calls may come in any order.
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

// now is the API's time, to the second. It measures what passed since the last answer by the
// wall clock: the monotonic clock stops while the machine is suspended.
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
