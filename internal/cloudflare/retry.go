package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// outcome is what a failed attempt means for the next one.
type outcome int

const (
	// outcomeRefused: the request was refused, and would be refused again.
	outcomeRefused outcome = iota
	// outcomeNotDone: the request was certainly not carried out, and can be repeated.
	outcomeNotDone
	// outcomeUnknown: the request may have been carried out. Only calls that may happen twice
	// are repeated.
	outcomeUnknown
)

// decideOutcome decides what an unsuccessful response means. Only this function and
// outcomeWithoutAnswer decide.
func (e *APIError) decideOutcome() outcome {
	switch {
	case e.quota():
		return outcomeRefused // until tomorrow
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return outcomeNotDone
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		// A 5xx may come from a proxy that stopped waiting. Even with an envelope it does not tell
		// whether the request was carried out.
		return outcomeUnknown
	case e.Status >= 200 && e.Status < 300 && !e.enveloped:
		return outcomeUnknown // truncated, or from a proxy
	}
	return outcomeRefused
}

// outcomeWithoutAnswer decides what a missing response means.
func outcomeWithoutAnswer(err error, sent bool) outcome {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate), errors.Is(err, errTooLarge):
		return outcomeRefused
	case !sent:
		return outcomeNotDone
	}
	return outcomeUnknown
}

// persist sends the request until the call is decided.
func (c *call) sendWithRetries(req *http.Request, next option.MiddlewareNext) error {
	ctx, a := req.Context(), c.account
	c.method, c.path = req.Method, a.redact(req.URL)
	for try := 1; ; try++ {
		if err := a.pace.wait(ctx); err != nil {
			return err // nothing was sent
		}
		fail := c.attempt(req, next)
		if fail == nil {
			return nil
		}
		fail.Tries = try
		switch {
		case fail.outcome == outcomeUnknown && c.once:
			return unknown(fail)
		case fail.outcome == outcomeRefused, ctx.Err() != nil, try == a.tries:
			return fail
		}
		delay := max(backoff(try), fail.asked)
		if fail.Status == http.StatusTooManyRequests && fail.asked > 0 {
			a.pace.block(fail.asked) // the limit applies to all calls with the token
		}
		c.logRetry(ctx, fail, delay)
		if err := wait.For(ctx, delay); err != nil {
			return fmt.Errorf("%w while waiting to try again: %w", err, fail)
		}
		a.count.retries.Add(1)
	}
}

// maxLoggedName limits the object's name in a log line: a key of KV may have 512 bytes.
const maxLoggedName = 72

// logRetry logs in one short line what is sent again, why and when. The details are logged for
// debugging.
func (c *call) logRetry(ctx context.Context, fail *APIError, wait time.Duration) {
	what := c.what
	if len(what) > maxLoggedName {
		what = clip(what, maxLoggedName) + "…"
	}
	log := c.account.log
	log.LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("%s: %s; trying again in %.1f s", what, fail.brief(), wait.Seconds()))
	log.LogAttrs(ctx, slog.LevelDebug, "that request was", slog.String("error", fail.Error()))
}

const (
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 16 * time.Second
	// maxWait limits the wait that a server can request: the API's penalty for too many
	// requests is five minutes.
	maxWait = 5 * time.Minute
)

// backoff returns how long to wait after a try. It is random within its upper half, so that
// parallel uploads do not retry at the same time.
func backoff(try int) time.Duration {
	d := lastBackoff
	if try < 6 {
		d = firstBackoff << (try - 1)
	}
	return d/2 + rand.N(d/2)
}

// asked returns how long the server wants the client to wait, at most maxWait, or 0.
func asked(h http.Header) time.Duration {
	if s := h.Get("Retry-After"); s != "" {
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return seconds(n)
		}
		if at, err := http.ParseTime(s); err == nil {
			return min(max(time.Until(at), 0), maxWait)
		}
	}
	if q, ok := parseQuota(h.Values("Ratelimit")); ok && q.left == 0 {
		return q.reset
	}
	return 0
}

// seconds converts a number of a header, which may be any value.
func seconds(n float64) time.Duration {
	if !(n > 0) { // also NaN
		return 0
	}
	return time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))
}
