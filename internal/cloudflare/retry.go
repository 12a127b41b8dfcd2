package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// outcome says whether a failed attempt may have been carried out, and so whether it can be
// repeated.
type outcome int

const (
	// outcomeRefused means that the request was refused, and would be refused again.
	outcomeRefused outcome = iota
	// outcomeNotDone means that the request was certainly not carried out, and can be repeated.
	outcomeNotDone
	// outcomeUnknown means that the request may have been carried out. A switch is then not
	// repeated; all other calls are.
	outcomeUnknown
)

// decideOutcome returns the outcome for an unsuccessful response.
func (e *APIError) decideOutcome() outcome {
	switch {
	case e.quota():
		return outcomeRefused // the quota is reset at midnight
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return outcomeNotDone
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		// A 5xx may come from a proxy that stopped waiting. Even a 5xx with an envelope does not
		// prove that the request was not carried out.
		return outcomeUnknown
	case e.Status >= 200 && e.Status < 300 && !e.enveloped:
		return outcomeUnknown // the response is truncated, or from a proxy
	}
	return outcomeRefused
}

// outcomeWithoutAnswer returns the outcome for an attempt without a response.
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

// sendWithRetries sends the request until it succeeds, must not be repeated, or the attempts are
// used up.
func (c *call) sendWithRetries(req *http.Request, next option.MiddlewareNext) error {
	ctx, a := req.Context(), c.account
	c.method, c.path = req.Method, a.redact(req.URL)
	begun := time.Now()
	a.outage.begin()
	defer a.outage.end()
	for try := 1; ; try++ {
		patience := a.patience(ctx, begun)
		if patience <= 0 {
			return c.notSent()
		}
		if err := a.pace.wait(ctx, patience); err != nil {
			return err // nothing was sent
		}
		fail := c.attempt(req, next, a.patience(ctx, begun))
		if fail == nil || fail.outcome == outcomeRefused && fail.Status != 0 {
			a.outage.over()
		}
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
		delay := max(a.backoff(try), fail.requestedWait)
		if fail.Status == http.StatusTooManyRequests && fail.requestedWait > 0 {
			a.pace.block(fail.requestedWait) // the rate limit applies to all calls with the token
		}
		if delay >= a.patience(ctx, begun) {
			fail.gaveUp = a.timeout
			return fail
		}
		c.logRetry(ctx, fail, delay)
		if err := wait.For(ctx, delay); err != nil {
			return fmt.Errorf("%w while waiting to try again: %w", err, fail)
		}
		a.count.retries.Add(1)
	}
}

var errNotSent = errors.New("not sent")

// notSent is the error of a call that begins after the run's time is over.
func (c *call) notSent() *APIError {
	fail := c.noResponse(errNotSent, false)
	fail.gaveUp = c.account.timeout
	return fail
}

// maxLoggedName limits the object's name in a log line: a key of KV may have 512 bytes.
const maxLoggedName = 72

// logRetry logs one short line: which call is sent again, why, and when. A debug line has the
// whole error.
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
	// maxWait limits the wait that a server can request. The API blocks a token that sends too
	// many requests for five minutes.
	maxWait = 5 * time.Minute
)

// backoff returns how long to wait after a try. It is random within its upper half, so that
// parallel uploads do not retry at the same time.
func (a *Account) backoff(try int) time.Duration {
	d := lastBackoff
	if try < 6 {
		d = firstBackoff << (try - 1)
	}
	return d/2 + a.jitter(d/2)
}

// requestedWait returns how long the server asks the client to wait: 0 to maxWait.
func requestedWait(h http.Header) time.Duration {
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

// seconds converts a number from a header to a duration of 0 to maxWait.
func seconds(n float64) time.Duration {
	if !(n > 0) { // also NaN
		return 0
	}
	return time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))
}
