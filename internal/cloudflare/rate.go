package cloudflare

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// spare is how many requests of the rate limit may be left before requests are
// spread over the time that it takes to fill again. It covers what is in flight
// when an answer says so. The limit is 1,200 in five minutes; who runs into it
// is blocked for five minutes.
const spare = 50

// pacer holds requests back so that the account's rate limit is not run into.
type pacer struct {
	log *slog.Logger

	mu    sync.Mutex
	next  time.Time     // no request before
	gap   time.Duration // between two requests
	until time.Time     // the gap holds
	said  time.Time     // until then it was said that requests go slower
}

// wait returns when the next request may be sent.
func (p *pacer) wait(ctx context.Context) error {
	for {
		delay := p.turn()
		if delay <= 0 {
			return ctx.Err()
		}
		if err := wait.For(ctx, delay); err != nil {
			return err
		}
	}
}

// turn takes the caller's turn, or returns how long to wait before asking again.
func (p *pacer) turn() time.Duration {
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

// observe takes in what an answer says of the rate limit.
func (p *pacer) observe(h http.Header) {
	q, ok := parseQuota(h.Values("Ratelimit"))
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if q.left >= spare {
		p.gap = 0
		return
	}
	if now.After(p.said) { // once, though answers that are overtaken bring the gap and take it away
		p.said = now.Add(q.reset)
		p.log.Info("few requests of the API's rate limit are left: going slower",
			slog.Int64("left", q.left), slog.Duration("for", q.reset))
	}
	p.gap, p.until = q.reset/time.Duration(q.left+1), now.Add(q.reset)
	if at := now.Add(p.gap); at.After(p.next) {
		p.next = at
	}
}

// block holds all requests back for d.
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

// parseQuota returns the tightest item of Ratelimit headers such as
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
