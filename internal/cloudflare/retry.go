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

// fate is what a failed attempt means for the next.
type fate int

const (
	// refusedFate: the answer is no, and would be again.
	refusedFate fate = iota
	// againFate: it was certainly not carried out, and may be later.
	againFate
	// lostFate: it may have been carried out. Sending it again is for calls
	// that may happen twice.
	lostFate
)

// judge decides what an answer that is not a success means. This and judgeLoss
// are the only places that do.
func (e *APIError) judge() fate {
	switch {
	case e.quota():
		return refusedFate // until tomorrow
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusTooEarly:
		return againFate
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		// A 5xx may come from a proxy that stopped waiting, and even with an
		// envelope it does not say how far the API came.
		return lostFate
	case e.Status >= 200 && e.Status < 300 && !e.enveloped:
		return lostFate // cut off, or from something in between
	}
	return refusedFate
}

// judgeLoss decides what no answer means.
func judgeLoss(err error, sent bool) fate {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate), errors.Is(err, errTooLarge):
		return refusedFate
	case !sent:
		return againFate
	}
	return lostFate
}

// persist sends the request until the call is decided.
func (c *call) persist(req *http.Request, next option.MiddlewareNext) error {
	ctx, a := req.Context(), c.account
	c.method, c.path = req.Method, a.redact(req.URL)
	for try := 1; ; try++ {
		if err := a.pace.wait(ctx); err != nil {
			return err // nothing is on its way
		}
		fail := c.attempt(req, next)
		if fail == nil {
			return nil
		}
		fail.Tries = try
		switch {
		case fail.fate == lostFate && c.once:
			return unknown(fail)
		case fail.fate == refusedFate, ctx.Err() != nil, try == a.tries:
			return fail
		}
		delay := max(backoff(try), fail.asked)
		if fail.Status == http.StatusTooManyRequests && fail.asked > 0 {
			a.pace.block(fail.asked) // it is the token that is refused, not this call
		}
		c.tellAgain(ctx, fail, delay)
		if err := wait.For(ctx, delay); err != nil {
			return fmt.Errorf("%w while waiting to try again: %w", err, fail)
		}
		a.count.retries.Add(1)
	}
}

// maxWhat bounds what a line names: a key of KV may have 512 bytes.
const maxWhat = 72

// tellAgain says in one short line what is sent again, why and when. The whole
// of it is for those who look closer.
func (c *call) tellAgain(ctx context.Context, fail *APIError, wait time.Duration) {
	what := c.what
	if len(what) > maxWhat {
		what = clip(what, maxWhat) + "…"
	}
	log := c.account.log
	log.LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("%s: %s; trying again in %.1f s", what, fail.brief(), wait.Seconds()))
	log.LogAttrs(ctx, slog.LevelDebug, "that request was", slog.String("error", fail.Error()))
}

const (
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 16 * time.Second
	// maxWait caps what a server can ask for: the API's penalty for too many
	// requests is five minutes.
	maxWait = 5 * time.Minute
)

// backoff is how long to wait after the given try, random within its upper
// half so that parallel uploads do not come back all at once.
func backoff(try int) time.Duration {
	d := lastBackoff
	if try < 6 {
		d = firstBackoff << (try - 1)
	}
	return d/2 + rand.N(d/2)
}

// asked is how long the server wants us to wait, at most maxWait, or 0.
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

// seconds takes a number from a header, which may be anything.
func seconds(n float64) time.Duration {
	if !(n > 0) { // also NaN
		return 0
	}
	return time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))
}
