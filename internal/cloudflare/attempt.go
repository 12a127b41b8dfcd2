package cloudflare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

const (
	// maxAnswer bounds an answer: a page of 1,000 keys is at most 2 MB, and a
	// version's bindings are below 1 MB.
	maxAnswer = 32 << 20
	// maxFailure bounds what is read of an answer that is a failure anyway.
	maxFailure = 64 << 10
	// Bytes that were handed to the system may still be on their way when the
	// last one is. A slow line gets time for them before silence counts.
	inFlight     = 4 << 20
	slowestBytes = 64 << 10 // a second
)

// NewTransport makes a connection pool, which several Accounts may share. It speaks HTTP/1.1 on purpose: bulk
// writes then go over a connection each, not through one flow-control window,
// and giving up a stalled one disturbs no other.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment, // as every tool does
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
		Protocols:           &http1,
	}
}

// attempt sends the request once and reads the answer whole, so that a
// connection that breaks half-way through it counts as a failed attempt.
// When it returns, nothing reads the payload any more.
func (c *call) attempt(req *http.Request, next option.MiddlewareNext) *APIError {
	a := c.account
	ctx, cancel := context.WithCancelCause(req.Context())
	life := newLife(a.stall, cancel)
	defer life.stop()

	var dialing, connected atomic.Bool
	req = req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true); life.sign() },
	}))
	up := &uploads{payload: c.body, life: life, count: &a.count.bytesUp}
	req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, c.body.size()
	if req.ContentLength > 0 {
		req.Body = up.start()
		// net/http asks for it where it knows that nothing was sent.
		req.GetBody = func() (io.ReadCloser, error) { return up.start(), nil }
	}
	a.authorize(req)
	a.count.requests.Add(1)

	status, header, body, err := c.exchange(req, next, life)
	cancel(nil)
	up.wait()
	if err == nil {
		return c.understand(status, header, body)
	}
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err = fmt.Errorf("%w for %s", errStalled, a.stall)
	}
	// Only where a connection was asked for and never came is it certain that
	// nothing was sent.
	return c.lost(err, !dialing.Load() || connected.Load())
}

func (c *call) exchange(req *http.Request, next option.MiddlewareNext, life *life) (int, http.Header, []byte, error) {
	res, err := next(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	life.sign()
	c.account.pace.observe(res.Header)
	limit := int64(maxAnswer)
	switch {
	case res.StatusCode < 200 || res.StatusCode > 299:
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxFailure)) // the status says enough
		return res.StatusCode, res.Header, body, nil
	case c.value != nil:
		limit = kvsync.MaxValueBytes
	}
	body, err := readWhole(res, limit, life)
	return res.StatusCode, res.Header, body, err
}

// errTooLarge means that sending the request again would change nothing.
var errTooLarge = errors.New("the answer is larger than the API allows")

func readWhole(res *http.Response, limit int64, life *life) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	// One spare read's worth more than is expected, or Buffer would grow at the end.
	buf := bytes.NewBuffer(make([]byte, 0, max(res.ContentLength, 0)+bytes.MinRead))
	n, err := buf.ReadFrom(io.LimitReader(&heard{res.Body, life}, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buf.Bytes(), err
}

// heard notes each byte of an answer as a sign of life.
type heard struct {
	io.Reader
	life *life
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.life.sign()
	}
	return n, err
}

var errStalled = errors.New("no byte moved")

// life ends an attempt in which nothing moves any more. An upload of 100 MB
// over a slow line is not bounded by a fixed time that way.
type life struct {
	patience time.Duration
	timer    *time.Timer
}

func newLife(patience time.Duration, cancel context.CancelCauseFunc) *life {
	return &life{patience, time.AfterFunc(patience, func() { cancel(errStalled) })}
}

func (l *life) sign()                    { l.timer.Reset(l.patience) }
func (l *life) grace(more time.Duration) { l.timer.Reset(l.patience + more) }
func (l *life) stop()                    { l.timer.Stop() }

// uploads are the times that one attempt's payload is opened: more than one
// where net/http moves the request to another connection.
type uploads struct {
	payload payload
	life    *life
	count   *atomic.Int64
	open    sync.WaitGroup
}

func (u *uploads) start() io.ReadCloser {
	u.open.Add(1)
	return &upload{Reader: u.payload.open(), uploads: u}
}

// wait returns when the transport has let go of the payload. A transport may do
// so after it has returned, and the caller is going to reuse the memory.
func (u *uploads) wait() { u.open.Wait() }

// upload is a payload on its way over one connection.
type upload struct {
	io.Reader
	uploads *uploads
	closed  atomic.Bool
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	u.uploads.count.Add(int64(n))
	if err == nil {
		u.uploads.life.sign()
	} else {
		sent := min(u.uploads.payload.size(), inFlight)
		u.uploads.life.grace(time.Duration(sent) * time.Second / slowestBytes)
	}
	return n, err
}

func (u *upload) Close() error {
	if !u.closed.Swap(true) {
		u.uploads.open.Done()
	}
	return nil
}
