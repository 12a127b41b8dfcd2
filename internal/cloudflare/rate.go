package cloudflare

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// reserved is the number of remaining requests below which the pacer spreads requests over the
// time until the rate limit is reset. It is larger than the number of requests in flight. The
// limit is 1,200 requests in five minutes; exceeding it blocks the account for five minutes.
const reserved = 50

// pacer delays requests so that they do not exceed the account's rate limit.
type pacer struct {
	log *slog.Logger

	mu    sync.Mutex
	next  time.Time     // the earliest time of the next request
	gap   time.Duration // the time between two requests
	until time.Time     // when the rate limit is reset and gap ends
	said  time.Time     // until then the delay is not logged again
}

// wait returns when the next request may be sent.
func (p *pacer) wait(ctx context.Context, most time.Duration) error {
	for {
		delay := p.reserve()
		if delay <= 0 {
			return ctx.Err()
		}
		if most -= delay; most < 0 {
			return fmt.Errorf("the API asks to wait for %s, which is longer than this run may go on without an answer",
				delay.Round(time.Second))
		}
		if err := wait.For(ctx, delay); err != nil {
			return err
		}
	}
}

// reserve reserves the next request and returns 0, or returns how long to wait before the caller
// tries again.
func (p *pacer) reserve() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.After(p.until) {
		p.gap = 0
	}
	if delay := p.next.Sub(now); delay > 0 {
		return delay
	}
	p.next = now.Add(p.gap)
	return 0
}

// observe applies the rate limit that a response reports.
func (p *pacer) observe(h http.Header) {
	q, ok := parseQuota(h.Values("Ratelimit"))
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if q.left >= reserved {
		p.gap = 0
		return
	}
	if now.After(p.said) { // late responses may clear the gap and set it again
		p.said = now.Add(q.reset)
		p.log.Info("few requests of the API's rate limit are left: slowing down",
			slog.Int64("left", q.left), slog.Duration("for", q.reset))
	}
	p.gap, p.until = q.reset/time.Duration(q.left+1), now.Add(q.reset)
	if at := now.Add(p.gap); at.After(p.next) {
		p.next = at
	}
}

// block delays all requests by d.
func (p *pacer) block(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := time.Now().Add(d); at.After(p.next) {
		p.next = at
	}
}

// quota is an item of a Ratelimit header.
type quota struct {
	left  int64
	reset time.Duration
}

// parseQuota returns the item with the fewest remaining requests in Ratelimit headers such as
// "default";r=50;t=30.
func parseQuota(headers []string) (tightest quota, found bool) {
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		q := quota{left: -1}
		for param := range strings.SplitSeq(item, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				continue
			}
			switch name {
			case "r":
				q.left = n
			case "t":
				q.reset = seconds(float64(n))
			}
		}
		if q.left >= 0 && q.reset > 0 && (!found || q.left < tightest.left) {
			tightest, found = q, true
		}
	}
	return tightest, found
}
